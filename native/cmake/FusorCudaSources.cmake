# native/kernels/cuda as one C++ file: NVRTC compiles these sources where the addon runs, and it runs without this checkout.
file(GLOB cuda_kernel_files CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/kernels/cuda/*.cu"
  "${CMAKE_CURRENT_SOURCE_DIR}/kernels/cuda/*.cuh"
  "${CMAKE_CURRENT_SOURCE_DIR}/kernels/cuda/*.h")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${cuda_kernel_files})

set(cuda_sources_text "// Made by FusorCudaSources.cmake.\n#include \"cuda/sources.h\"\n\nnamespace fusor::cuda {\n\n")
string(APPEND cuda_sources_text "const std::vector<Source>& kernelSources() {\n  static const std::vector<Source> sources = {\n")
foreach(file IN LISTS cuda_kernel_files)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" text)
  string(APPEND cuda_sources_text "{\"${name}\", R\"fusor(${text})fusor\"},\n")
endforeach()
string(APPEND cuda_sources_text "  };\n  return sources;\n}\n\n}  // namespace fusor::cuda\n")
set(FUSOR_CUDA_SOURCES "${CMAKE_CURRENT_BINARY_DIR}/kernel_sources.cc")
# Written when it differs only: a build after a configure that changed nothing compiles nothing.
set(old "")
if(EXISTS "${FUSOR_CUDA_SOURCES}")
  file(READ "${FUSOR_CUDA_SOURCES}" old)
endif()
if(NOT old STREQUAL cuda_sources_text)
  file(WRITE "${FUSOR_CUDA_SOURCES}" "${cuda_sources_text}")
endif()

# The driver and NVRTC: neither torch nor napi.
file(GLOB cuda_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/cuda/*.cc")
add_library(fusor_cuda OBJECT ${cuda_sources} "${FUSOR_CUDA_SOURCES}")
target_link_libraries(fusor_cuda PRIVATE fusor_flags ${CMAKE_DL_LIBS})
