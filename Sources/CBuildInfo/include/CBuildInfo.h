#ifndef AVP_BUILD_INFO_H
#define AVP_BUILD_INFO_H

/// The commit that scripts/build built from, with "-dirty" where files had changed since; empty in
/// any other build.
const char *avp_build_commit(void);

#endif
