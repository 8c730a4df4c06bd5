# Flags that hold for every file of ours.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_package(Threads REQUIRED)

add_library(fusor_flags INTERFACE)
target_include_directories(fusor_flags INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(fusor_flags INTERFACE Threads::Threads)

# The same rounding from every compiler and instruction set: no contraction that we did not write, no -ffast-math.
target_compile_options(fusor_flags INTERFACE -O3 -Wall -Wextra -fno-math-errno -ffp-contract=off)

if(FUSOR_SANITIZE)
  # -O1 compiles in a fraction of the time.
  target_compile_options(fusor_flags INTERFACE -fsanitize=${FUSOR_SANITIZE} -fno-omit-frame-pointer -g -O1)
  target_link_options(fusor_flags INTERFACE -fsanitize=${FUSOR_SANITIZE})
endif()
