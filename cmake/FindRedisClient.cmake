# hiredis, the C client of Redis and Valkey.
find_path(HIREDIS_INCLUDE_DIR hiredis/hiredis.h)
find_library(HIREDIS_LIBRARY hiredis)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(RedisClient REQUIRED_VARS HIREDIS_LIBRARY HIREDIS_INCLUDE_DIR)
if(RedisClient_FOUND AND NOT TARGET RedisClient::hiredis)
  add_library(RedisClient::hiredis UNKNOWN IMPORTED)
  set_target_properties(RedisClient::hiredis PROPERTIES IMPORTED_LOCATION ${HIREDIS_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${HIREDIS_INCLUDE_DIR})
endif()
