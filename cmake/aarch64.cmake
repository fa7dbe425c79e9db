# Toolchain file: builds for 64-bit ARM with Debian's g++-aarch64-linux-gnu and runs tests under qemu-user. The ARM libraries are not
# installed on the machine but unpacked into ASSAY_AARCH64_SYSROOT by scripts/portability.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

set(ASSAY_AARCH64_SYSROOT "${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-aarch64" CACHE PATH "Unpacked Debian packages for arm64")
get_filename_component(assay_sysroot "${ASSAY_AARCH64_SYSROOT}" ABSOLUTE)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ASSAY_AARCH64_SYSROOT)

set(CMAKE_FIND_ROOT_PATH "${assay_sysroot}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
# protoc runs here, not there.
find_program(Protobuf_PROTOC_EXECUTABLE protoc)

# pkg-config looks at the unpacked packages only.
set(ENV{PKG_CONFIG_DIR} "")
set(ENV{PKG_CONFIG_LIBDIR} "${assay_sysroot}/usr/lib/aarch64-linux-gnu/pkgconfig:${assay_sysroot}/usr/share/pkgconfig")
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${assay_sysroot}")

# The compiler brings its own C library for linking; libraries of the packages find each other here.
set(CMAKE_CXX_FLAGS_INIT "-isystem ${assay_sysroot}/usr/include -isystem ${assay_sysroot}/usr/include/aarch64-linux-gnu")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-L${assay_sysroot}/usr/lib/aarch64-linux-gnu -Wl,-rpath-link,${assay_sysroot}/usr/lib/aarch64-linux-gnu")

find_program(ASSAY_QEMU_AARCH64 NAMES qemu-aarch64-static qemu-aarch64)
if(ASSAY_QEMU_AARCH64)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${ASSAY_QEMU_AARCH64};-L;${assay_sysroot}")
endif()
