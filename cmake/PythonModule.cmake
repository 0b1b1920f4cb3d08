# The module `tessera._engine` of the Python package (python/), as pyproject.toml asks for it.
find_package(Python 3.9 REQUIRED COMPONENTS Interpreter Development.Module)
find_package(nanobind CONFIG REQUIRED)

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/python/src/*.cpp)
nanobind_add_module(engine NB_STATIC NOMINSIZE NB_SUPPRESS_WARNINGS ${sources})
set_target_properties(engine PROPERTIES OUTPUT_NAME _engine)
target_link_libraries(engine PRIVATE room_train room_engine)
install(TARGETS engine LIBRARY DESTINATION tessera)

nanobind_add_stub(engine_stub MODULE _engine OUTPUT ${PROJECT_BINARY_DIR}/_engine.pyi
                  PYTHON_PATH $<TARGET_FILE_DIR:engine> DEPENDS engine)
install(FILES ${PROJECT_BINARY_DIR}/_engine.pyi DESTINATION tessera)
