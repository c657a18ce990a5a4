// linux/vhost.h for C++: without the legacy ring helpers, which are C only.
#pragma once

#define VIRTIO_RING_NO_LEGACY
#include <linux/vhost.h>
