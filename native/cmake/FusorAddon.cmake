# fusor.node. Every library by full path: with Debian's libtorch-dev installed beside another libtorch, -lc10 would
# take Debian's and the process aborts at load.
if(NOT FUSOR_TORCH_INCLUDE OR NOT FUSOR_TORCH_LIBRARIES)
  message(FATAL_ERROR "libtorch was not given: run `npm run build:native`, which finds it and calls cmake")
endif()

file(GLOB addon_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/addon/*.cc")
file(GLOB engine_sources CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/bench/*.cc"
  "${CMAKE_CURRENT_SOURCE_DIR}/engine/framework/*.cc")
list(APPEND engine_sources "${CMAKE_CURRENT_SOURCE_DIR}/engine/trainer_for.cc")
if(NOT addon_sources OR NOT engine_sources)
  message(FATAL_ERROR "native/addon or native/engine holds no .cc file")
endif()

foreach(library IN LISTS FUSOR_TORCH_LIBRARIES)
  get_filename_component(folder "${library}" DIRECTORY)
  list(APPEND library_folders "${folder}")
endforeach()
list(REMOVE_DUPLICATES library_folders)

set(torch_definitions _GLIBCXX_USE_CXX11_ABI=${FUSOR_TORCH_CXX11_ABI} AT_PER_OPERATOR_HEADERS)

add_library(fusor_engine OBJECT ${engine_sources})
target_include_directories(fusor_engine SYSTEM PRIVATE ${FUSOR_TORCH_INCLUDE})
target_compile_definitions(fusor_engine PRIVATE ${torch_definitions})
target_link_libraries(fusor_engine PRIVATE fusor_flags)
# Most of what a file that includes it takes to compile.
target_precompile_headers(fusor_engine PRIVATE engine/framework/torch.h)

foreach(name IN ITEMS module session_wrap worker faults)
  list(APPEND fault_sources "${CMAKE_CURRENT_SOURCE_DIR}/addon/${name}.cc")
endforeach()
list(REMOVE_ITEM addon_sources ${fault_sources})

function(fusor_with_napi target)
  target_include_directories(${target} SYSTEM PRIVATE ${FUSOR_TORCH_INCLUDE} ${CMAKE_JS_INC})
  target_compile_definitions(${target} PRIVATE
    NAPI_VERSION=8
    NODE_ADDON_API_CPP_EXCEPTIONS
    NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS  # in a worker thread that is being terminated
    ${torch_definitions})
  target_link_libraries(${target} PRIVATE fusor_flags)
endfunction()

# What knows no fault points (native/addon/faults.h).
add_library(fusor_addon OBJECT ${addon_sources})
fusor_with_napi(fusor_addon)

# An addon of the sources in native/addon. Its exports are the two entry points that Node looks up, nothing else.
function(fusor_add_addon name)
  add_library(${name} MODULE ${fault_sources})
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".node" BUILD_RPATH "${library_folders}")
  fusor_with_napi(${name})
  target_link_libraries(${name} PRIVATE
    fusor_addon fusor_engine fusor_trainers fusor_kernels fusor_cuda ${FUSOR_TORCH_LIBRARIES} ${CMAKE_DL_LIBS})
  if(APPLE)
    target_link_options(${name} PRIVATE -undefined dynamic_lookup)
  else()
    # --no-as-needed: nothing of ours names a symbol of torch_cuda; it registers itself when loaded.
    # --disable-new-dtags: an RPATH, which LD_LIBRARY_PATH cannot override with another libtorch.
    # The version script: the addon exports the two entry points that Node looks up, nothing else.
    set(exports "${CMAKE_CURRENT_SOURCE_DIR}/cmake/exports.map")
    target_link_options(${name} PRIVATE
      -Wl,--no-as-needed
      -Wl,--disable-new-dtags
      "-Wl,--version-script=${exports}"
      -Wl,--exclude-libs,ALL)
    set_target_properties(${name} PROPERTIES LINK_DEPENDS "${exports}")
  endif()
endfunction()

fusor_add_addon(fusor)

# The same with fault points (native/addon/faults.h): what the tests load to see that no exception ends the process.
fusor_add_addon(fusor_faults)
target_compile_definitions(fusor_faults PRIVATE FUSOR_FAULTS)
set_target_properties(fusor_faults PROPERTIES EXCLUDE_FROM_ALL ON)
