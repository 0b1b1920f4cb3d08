# tessera_find(TARGET HEADER LIBRARY [OPTIONAL] [DEFINES …] [NEEDS …])
#
# A library as an imported TARGET, for those that bring no CMake package, or one that asks for more than we use.
# DEFINES are its users' macros; NEEDS are libraries by file name or targets that it stands on. An OPTIONAL
# library that is not there gives no target.
function(tessera_find target header library)
  cmake_parse_arguments(FIND "OPTIONAL" "" "DEFINES;NEEDS" ${ARGN})
  find_path(TESSERA_${library}_INCLUDE ${header})
  find_library(TESSERA_${library}_LIBRARY ${library})
  mark_as_advanced(TESSERA_${library}_INCLUDE TESSERA_${library}_LIBRARY)
  set(found TRUE)
  if(NOT TESSERA_${library}_INCLUDE OR NOT TESSERA_${library}_LIBRARY)
    set(found FALSE)
  endif()
  foreach(need IN LISTS FIND_NEEDS)
    if(TARGET ${need})
      list(APPEND needs ${need})
    else()
      find_library(TESSERA_${need}_LIBRARY ${need})
      mark_as_advanced(TESSERA_${need}_LIBRARY)
      list(APPEND needs ${TESSERA_${need}_LIBRARY})
      if(NOT TESSERA_${need}_LIBRARY)
        set(found FALSE)
      endif()
    endif()
  endforeach()
  if(NOT found AND NOT FIND_OPTIONAL)
    message(FATAL_ERROR "${header} or lib${library} is not installed: ./setup installs what the build needs")
  endif()
  if(found AND NOT TARGET ${target})
    add_library(${target} UNKNOWN IMPORTED GLOBAL)
    set_target_properties(${target} PROPERTIES
      IMPORTED_LOCATION "${TESSERA_${library}_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${TESSERA_${library}_INCLUDE}"
      INTERFACE_COMPILE_DEFINITIONS "${FIND_DEFINES}"
      INTERFACE_LINK_LIBRARIES "${needs}")
  endif()
endfunction()
