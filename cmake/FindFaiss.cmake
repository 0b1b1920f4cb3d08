# faiss, a peer in benchmarks alone. Debian has it as a static library without a package file.
find_path(FAISS_INCLUDE_DIR faiss/IndexFlat.h)
find_library(FAISS_LIBRARY faiss)
find_library(FAISS_BLAS_LIBRARY blas)
find_library(FAISS_LAPACK_LIBRARY lapack)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Faiss REQUIRED_VARS FAISS_LIBRARY FAISS_INCLUDE_DIR
                                  FAISS_BLAS_LIBRARY FAISS_LAPACK_LIBRARY)
if(Faiss_FOUND AND NOT TARGET Faiss::faiss)
  add_library(Faiss::faiss UNKNOWN IMPORTED)
  set_target_properties(Faiss::faiss PROPERTIES IMPORTED_LOCATION ${FAISS_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${FAISS_INCLUDE_DIR}
    INTERFACE_LINK_LIBRARIES "${FAISS_LAPACK_LIBRARY};${FAISS_BLAS_LIBRARY};OpenMP::OpenMP_CXX"
    INTERFACE_COMPILE_DEFINITIONS TESSERA_FAISS)
endif()
