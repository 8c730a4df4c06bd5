# The trainers of our own kernels, on the CPU and on a GPU: neither torch nor napi.
file(GLOB trainer_sources CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/engine/fused_*.cc"
  "${CMAKE_CURRENT_SOURCE_DIR}/engine/cuda_*.cc")
foreach(name IN ITEMS cores loss pace team update zeros)
  list(APPEND trainer_sources "${CMAKE_CURRENT_SOURCE_DIR}/engine/${name}.cc")
endforeach()
add_library(fusor_trainers OBJECT ${trainer_sources})
target_link_libraries(fusor_trainers PRIVATE fusor_flags)
