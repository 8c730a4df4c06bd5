# All of engine that knows neither torch nor napi: the trainers of our own kernels, on the CPU and on a GPU, and what they share.
file(GLOB trainer_sources CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/engine/*.cc"
  "${CMAKE_CURRENT_SOURCE_DIR}/engine/fused/*.cc"
  "${CMAKE_CURRENT_SOURCE_DIR}/engine/cuda/*.cc")
# Chooses among all trainers, libtorch's too.
list(REMOVE_ITEM trainer_sources "${CMAKE_CURRENT_SOURCE_DIR}/engine/trainer_for.cc")
add_library(fusor_trainers OBJECT ${trainer_sources})
target_link_libraries(fusor_trainers PRIVATE fusor_flags ${CMAKE_DL_LIBS})
