# The module `tessera_rec._engine` of the Python package (python/), as pyproject.toml asks for it.
find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module
             OPTIONAL_COMPONENTS ${SKBUILD_SABI_COMPONENT})
find_package(nanobind CONFIG REQUIRED)

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/python/src/*.cpp)
# One module serves every version of Python: what differs between them is in nanobind's own package.
nanobind_add_module(engine BACKEND_MODULE nanobind_backend STABLE_ABI_VERSION 3.10 NOMINSIZE NB_SUPPRESS_WARNINGS ${sources})
set_target_properties(engine PROPERTIES OUTPUT_NAME _engine)
target_link_libraries(engine PRIVATE room_tokenize room_tune room_engine)
install(TARGETS engine LIBRARY DESTINATION tessera_rec)
# The name it was once imported by, and what starts the program.
install(FILES ${PROJECT_SOURCE_DIR}/python/tessera.py ${PROJECT_SOURCE_DIR}/python/tessera_rec_program.py
        DESTINATION .)

nanobind_add_stub(engine_stub MODULE _engine OUTPUT ${PROJECT_BINARY_DIR}/_engine.pyi
                  PYTHON_PATH $<TARGET_FILE_DIR:engine> DEPENDS engine)
install(FILES ${PROJECT_BINARY_DIR}/_engine.pyi DESTINATION tessera_rec)

# What type checkers read of settings and options, from the tables of the engine.
add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/_words.pyi
                   COMMAND ${Python_EXECUTABLE} ${PROJECT_SOURCE_DIR}/python/make_words.py
                           $<TARGET_FILE_DIR:engine> ${PROJECT_BINARY_DIR}/_words.pyi
                   DEPENDS engine ${PROJECT_SOURCE_DIR}/python/make_words.py)
add_custom_target(engine_words ALL DEPENDS ${PROJECT_BINARY_DIR}/_words.pyi)
install(FILES ${PROJECT_BINARY_DIR}/_words.pyi DESTINATION tessera_rec)
