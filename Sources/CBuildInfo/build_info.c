#include "CBuildInfo.h"

// Here only while scripts/build runs: what stayed would be wrong in a later build by other means.
#if __has_include("commit.h")
#include "commit.h"
#else
#define AVP_COMMIT ""
#endif

const char *avp_build_commit(void) { return AVP_COMMIT; }
