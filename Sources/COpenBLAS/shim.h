// OpenBLAS's own header, and its functions out of the library that was loaded at run time; null where
// it lacks one. Nothing is linked: see OpenBLAS.swift.
#if __has_include(<openblas-pthread/cblas.h>)
#include <openblas-pthread/cblas.h>
#elif __has_include(<openblas/cblas.h>)
#include <openblas/cblas.h>
#else
#include <cblas.h>
#endif
#include <dlfcn.h>

#define AVP_FUNCTION(name) \
  static inline __typeof__(&name) avp_##name(void *library) { return (__typeof__(&name))dlsym(library, #name); }

AVP_FUNCTION(cblas_sgemm)
AVP_FUNCTION(openblas_set_num_threads)
AVP_FUNCTION(openblas_get_config)
AVP_FUNCTION(openblas_get_corename)
