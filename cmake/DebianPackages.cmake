# The Debian packages, as scripts/deb makes them by CPack: `tessera` (the program, its manual, completion and units of
# systemd), `tessera-mpi` (training by several processes), `libtessera-dev` (library and headers).
set(packaging ${PROJECT_SOURCE_DIR}/packaging)
set(help ${PROJECT_BINARY_DIR}/help)  # by scripts/help-files
install(DIRECTORY ${help}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT program OPTIONAL)
install(FILES ${help}/completions/tessera DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        COMPONENT program OPTIONAL)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  install(FILES ${packaging}/tessera.service ${packaging}/tessera-refresh.service
                ${packaging}/tessera-refresh.timer DESTINATION lib/systemd/system COMPONENT program)
  install(FILES ${packaging}/tessera.default DESTINATION /etc/default RENAME tessera COMPONENT program)
  install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/tessera RENAME copyright COMPONENT program)
  install(FILES CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/tessera COMPONENT program OPTIONAL)
  install(DIRECTORY examples/refresh DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/tessera/examples COMPONENT program)
endif()

# 0.2.0+deb12, say: the packages are for the release that they are made on, and the next release's are newer.
cmake_host_system_information(RESULT release QUERY DISTRIB_INFO)
string(REPLACE "debian" "deb" release_id "${release_ID}")
set(CPACK_DEBIAN_PACKAGE_VERSION "${PROJECT_VERSION}+${release_id}${release_VERSION_ID}")

set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The Tessera developers <tessera@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME tessera)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS "tessera-mpi, redis-server")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_CONTROL_EXTRA
    ${packaging}/postinst ${packaging}/prerm ${packaging}/postrm ${packaging}/conffiles)
set(CPACK_DEBIAN_MPI_PACKAGE_NAME tessera-mpi)
set(CPACK_DEBIAN_MPI_PACKAGE_DEPENDS "tessera (= ${CPACK_DEBIAN_PACKAGE_VERSION})")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libtessera-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "Recommender engine: the command line and the service")
set(CPACK_COMPONENT_MPI_DESCRIPTION "Recommender engine: training by several processes under mpirun")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "Recommender engine: library and headers")
include(CPack)
