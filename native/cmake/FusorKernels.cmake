# Kernels: plain pointers. The suffix of a file's name says which instruction set it is compiled for; which one runs
# is decided at run time.
file(GLOB kernel_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/kernels/cpu/*.cc")

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64|i[3-6]86)$")
  list(FILTER kernel_sources EXCLUDE REGEX "_neon\\.cc$")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  list(FILTER kernel_sources EXCLUDE REGEX "_(avx|amx)[^/]*\\.cc$")
else()
  list(FILTER kernel_sources EXCLUDE REGEX "_(avx|amx|neon)[^/]*\\.cc$")
endif()

if(NOT kernel_sources)
  message(FATAL_ERROR "native/kernels/cpu holds no .cc file")
endif()

set(avx2_flags -mavx2 -mfma -mbmi)
# GCC's own AVX-512 header reads, on purpose, what it never wrote.
set(avx512_flags -mavx512f -mavx512bw -mavx512dq -mavx512vl ${avx2_flags} -mprefer-vector-width=512
  -Wno-uninitialized -Wno-maybe-uninitialized)
# Of the headers it includes it needs only parts.
set(amx_flags -mamx-tile -mamx-bf16 -mavx512fp16 -Wno-unused-function)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  include(CheckCXXCompilerFlag)
  list(JOIN amx_flags " " amx_flags_checked)
  check_cxx_compiler_flag("${amx_flags_checked}" FUSOR_COMPILER_KNOWS_AMX)
endif()
if(FUSOR_COMPILER_KNOWS_AMX)
  set_source_files_properties(
    "${CMAKE_CURRENT_SOURCE_DIR}/kernels/cpu/select.cc" "${CMAKE_CURRENT_SOURCE_DIR}/kernels/cpu/peak.cc" PROPERTIES COMPILE_DEFINITIONS FUSOR_AMX)
else()
  list(FILTER kernel_sources EXCLUDE REGEX "_amx\\.cc$")
endif()
foreach(source IN LISTS kernel_sources)
  if(source MATCHES "_avx2\\.cc$")
    set_source_files_properties("${source}" PROPERTIES COMPILE_OPTIONS "${avx2_flags}")
  elseif(source MATCHES "_avx512\\.cc$")
    set_source_files_properties("${source}" PROPERTIES COMPILE_OPTIONS "${avx512_flags}")
  elseif(source MATCHES "_amx\\.cc$")
    set_source_files_properties("${source}" PROPERTIES COMPILE_OPTIONS "${amx_flags};${avx512_flags}")
  endif()
endforeach()

add_library(fusor_kernels OBJECT ${kernel_sources})
target_link_libraries(fusor_kernels PRIVATE fusor_flags)
