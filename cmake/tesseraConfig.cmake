include("${CMAKE_CURRENT_LIST_DIR}/tesseraTargets.cmake")
