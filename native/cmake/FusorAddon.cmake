# fusor.node. Every library by full path: with Debian's libtorch-dev installed beside another libtorch, -lc10 would
# take Debian's and the process aborts at load.
if(NOT FUSOR_TORCH_INCLUDE OR NOT FUSOR_TORCH_LIBRARIES)
  message(FATAL_ERROR "libtorch was not given: run `npm run build:native`, which finds it and calls cmake")
endif()

file(GLOB addon_sources CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/addon/*.cc"
  "${CMAKE_CURRENT_SOURCE_DIR}/bench/*.cc"
  "${CMAKE_CURRENT_SOURCE_DIR}/engine/*.cc")
if(NOT addon_sources)
  message(FATAL_ERROR "native/addon and native/engine hold no .cc file")
endif()

add_library(fusor MODULE ${addon_sources})
set_target_properties(fusor PROPERTIES PREFIX "" SUFFIX ".node")
target_include_directories(fusor SYSTEM PRIVATE ${FUSOR_TORCH_INCLUDE} ${CMAKE_JS_INC})
target_compile_definitions(fusor PRIVATE
  NAPI_VERSION=8
  NODE_ADDON_API_CPP_EXCEPTIONS
  _GLIBCXX_USE_CXX11_ABI=${FUSOR_TORCH_CXX11_ABI})
target_link_libraries(fusor PRIVATE fusor_flags fusor_kernels ${FUSOR_TORCH_LIBRARIES} ${CMAKE_DL_LIBS})

foreach(library IN LISTS FUSOR_TORCH_LIBRARIES)
  get_filename_component(folder "${library}" DIRECTORY)
  list(APPEND library_folders "${folder}")
endforeach()
list(REMOVE_DUPLICATES library_folders)
set_target_properties(fusor PROPERTIES BUILD_RPATH "${library_folders}")

if(APPLE)
  target_link_options(fusor PRIVATE -undefined dynamic_lookup)
else()
  # --no-as-needed: nothing of ours names a symbol of torch_cuda; it registers itself when loaded.
  # --disable-new-dtags: an RPATH, which LD_LIBRARY_PATH cannot override with another libtorch.
  # The version script: the addon exports the two entry points that Node looks up, nothing else.
  set(exports "${CMAKE_CURRENT_SOURCE_DIR}/cmake/exports.map")
  target_link_options(fusor PRIVATE
    -Wl,--no-as-needed
    -Wl,--disable-new-dtags
    "-Wl,--version-script=${exports}"
    -Wl,--exclude-libs,ALL)
  set_target_properties(fusor PROPERTIES LINK_DEPENDS "${exports}")
endif()
