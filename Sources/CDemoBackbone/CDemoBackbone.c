#include "CDemoBackbone.h"
