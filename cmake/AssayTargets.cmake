# Functions that every folder uses to declare its library, its program or its tests, so that flags, include rules and test
# registration have one home.

# Flags that decide bits or safety hold for all of our code. -ffp-contract=off: no implicit fma anywhere (docs/numerics.md).
add_library(assay_flags INTERFACE)
target_compile_options(assay_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum -Werror
  -ffp-contract=off -fno-fast-math -fstack-protector-strong -fno-omit-frame-pointer)
# gcc 12 at -O3 warns falsely inside its own string and vector code (GCC bugs 105329 and 105762).
target_compile_options(assay_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread>)
target_compile_definitions(assay_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:_GLIBCXX_ASSERTIONS>)
target_link_options(assay_flags INTERFACE -Wl,-z,relro,-z,now)
if(ASSAY_SANITIZE)
  target_compile_options(assay_flags INTERFACE -fsanitize=${ASSAY_SANITIZE} -fno-sanitize-recover=all -g)
  target_link_options(assay_flags INTERFACE -fsanitize=${ASSAY_SANITIZE})
  # Instrumented code looks to gcc as if it read what it never wrote (GCC's manual says so of -fsanitize).
  target_compile_options(assay_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  if(ASSAY_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # Asio has a fence that gcc's thread sanitizer does not model and warns about.
    target_compile_options(assay_flags INTERFACE -Wno-tsan)
  endif()
endif()
find_package(Threads REQUIRED)

# assay_library(NAME SOURCES a.cc ... [PUBLIC targets] [PRIVATE targets])
# Declares the library assay_NAME of the current folder. Public headers are in include/NAME/, private ones in src/.
function(assay_library name)
  cmake_parse_arguments(A "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(assay_${name} STATIC ${A_SOURCES})
  add_library(assay::${name} ALIAS assay_${name})
  target_include_directories(assay_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_link_libraries(assay_${name} PUBLIC ${A_PUBLIC} Threads::Threads PRIVATE assay_flags ${A_PRIVATE})
endfunction()

# assay_program(NAME SOURCES main.cc ... LINK targets): a binary in bin/.
function(assay_program name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE assay_flags ${A_LINK})
endfunction()

# assay_test(NAME SOURCES x_test.cc ... LINK targets [LABELS unit|golden|sim|e2e] [TIMEOUT seconds]): a GoogleTest binary.
function(assay_test name)
  cmake_parse_arguments(A "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE assay_flags GTest::gtest GTest::gtest_main ${A_LINK})
  target_compile_definitions(${name} PRIVATE
    ASSAY_SOURCE_DIR="${CMAKE_SOURCE_DIR}" ASSAY_BINARY_DIR="${CMAKE_BINARY_DIR}/bin")
  add_test(NAME ${name} COMMAND ${name})
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 300)
  endif()
  if(NOT A_LABELS)
    set(A_LABELS unit)
  endif()
  # A third of a core is the unit of ctest's --parallel here (scripts/test): these keep one busy, those of tests/e2e mostly wait.
  set_tests_properties(${name} PROPERTIES TIMEOUT ${A_TIMEOUT} LABELS "${A_LABELS}" PROCESSORS 3)
endfunction()
