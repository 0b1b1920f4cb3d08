# What scripts/wheel builds: the Python module with the program beside it, which need nothing of the system but the
# C and C++ libraries. Debian's static libraries become part of them; those that it has as shared libraries
# alone (oneDNN, fmt, Highway, …) auditwheel puts beside them. OpenMP must be the one that oneDNN loads.
set(TESSERA_PYTHON ON)
find_package(OpenMP REQUIRED COMPONENTS CXX)
set(CMAKE_FIND_LIBRARY_SUFFIXES .a .so)
set(OPENSSL_USE_STATIC_LIBS ON)
# Nobody else sees what they define, so that they need not be position independent (zlib's is not).
add_link_options(-Wl,--exclude-libs,ALL)

# What a static library stands on, which a shared one would bring by itself. bz2 stays a shared one: its static one
# uses `stderr` as only programs may.
function(tessera_static_needs target)
  get_target_property(needs ${target} INTERFACE_LINK_LIBRARIES)
  if(NOT needs)
    set(needs "")
  endif()
  set_target_properties(${target} PROPERTIES INTERFACE_LINK_LIBRARIES "${needs};${ARGN}")
endfunction()
