#include <hdf5.h>

// HDF5 keeps these values in global variables behind macros, which Swift cannot use.

static inline hid_t avp_hdf5_float32(void) { return H5T_IEEE_F32LE; }
static inline hid_t avp_hdf5_native_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t avp_hdf5_string(void) { return H5T_C_S1; }
static inline hid_t avp_hdf5_dataset_creation(void) { return H5P_DATASET_CREATE; }
static inline size_t avp_hdf5_variable(void) { return H5T_VARIABLE; }
static inline hid_t avp_hdf5_default(void) { return H5P_DEFAULT; }
static inline unsigned avp_hdf5_truncate(void) { return H5F_ACC_TRUNC; }
static inline hid_t avp_hdf5_all(void) { return H5S_ALL; }
static inline hid_t avp_hdf5_error_default(void) { return H5E_DEFAULT; }
