#ifndef CKERNELS_H
#define CKERNELS_H

#include "head.h"

#endif
