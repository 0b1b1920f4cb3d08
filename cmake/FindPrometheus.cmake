# prometheus-cpp's core. Its own package file wants libcurl, too, which only pushing metrics needs.
find_path(Prometheus_INCLUDE_DIR prometheus/registry.h)
find_library(Prometheus_LIBRARY prometheus-cpp-core)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Prometheus REQUIRED_VARS Prometheus_LIBRARY Prometheus_INCLUDE_DIR)
if(Prometheus_FOUND AND NOT TARGET Prometheus::core)
  add_library(Prometheus::core UNKNOWN IMPORTED)
  set_target_properties(Prometheus::core PROPERTIES IMPORTED_LOCATION ${Prometheus_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${Prometheus_INCLUDE_DIR})
endif()
