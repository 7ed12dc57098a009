#ifndef AVP_BUILD_INFO_H
#define AVP_BUILD_INFO_H

#include <stddef.h>

/// The commit that scripts/build built from, with "-dirty" where files had changed since; empty in
/// any other build.
const char *avp_build_commit(void);

/// The build id that the linker has put into this program: a checksum of what it linked: its first
/// `capacity` bytes. Returns how many bytes there are, 0 where the linker has put none.
size_t avp_build_id(unsigned char *id, size_t capacity);

#endif
