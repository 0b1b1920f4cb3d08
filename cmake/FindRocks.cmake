# RocksDB's shared library. Its own package file asks for development packages that only the static one needs.
find_path(ROCKS_INCLUDE_DIR rocksdb/db.h)
find_library(ROCKS_LIBRARY rocksdb)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Rocks REQUIRED_VARS ROCKS_LIBRARY ROCKS_INCLUDE_DIR)
if(Rocks_FOUND AND NOT TARGET Rocks::rocks)
  add_library(Rocks::rocks UNKNOWN IMPORTED)
  set_target_properties(Rocks::rocks PROPERTIES IMPORTED_LOCATION ${ROCKS_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${ROCKS_INCLUDE_DIR})
endif()
