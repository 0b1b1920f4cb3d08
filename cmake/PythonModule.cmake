# The module `tessera._engine` of the Python package (python/), as pyproject.toml asks for it.
find_package(Python 3.9 REQUIRED COMPONENTS Interpreter Development.Module)
find_package(nanobind CONFIG REQUIRED)

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/python/src/*.cpp)
nanobind_add_module(engine NB_STATIC NOMINSIZE NB_SUPPRESS_WARNINGS ${sources})
set_target_properties(engine PROPERTIES OUTPUT_NAME _engine)
target_link_libraries(engine PRIVATE room_tokenize room_train room_engine)
install(TARGETS engine LIBRARY DESTINATION tessera)

nanobind_add_stub(engine_stub MODULE _engine OUTPUT ${PROJECT_BINARY_DIR}/_engine.pyi
                  PYTHON_PATH $<TARGET_FILE_DIR:engine> DEPENDS engine)
install(FILES ${PROJECT_BINARY_DIR}/_engine.pyi DESTINATION tessera)

# What type checkers read of settings and options, from the tables of the engine.
add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/_words.pyi
                   COMMAND ${Python_EXECUTABLE} ${PROJECT_SOURCE_DIR}/python/make_words.py
                           $<TARGET_FILE_DIR:engine> ${PROJECT_BINARY_DIR}/_words.pyi
                   DEPENDS engine ${PROJECT_SOURCE_DIR}/python/make_words.py)
add_custom_target(engine_words ALL DEPENDS ${PROJECT_BINARY_DIR}/_words.pyi)
install(FILES ${PROJECT_BINARY_DIR}/_words.pyi DESTINATION tessera)
