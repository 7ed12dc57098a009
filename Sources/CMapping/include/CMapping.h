#ifndef AVP_MAPPING_H
#define AVP_MAPPING_H

#include <stddef.h>

enum {
  AVP_MOST_WATCHED = 64, ///< mappings that are watched at the same time
  AVP_MAPPING_LOST = 69, ///< the status of a process that lost one
};

/* A file that becomes shorter while it is mapped, or whose disk fails, answers the next access with
 * SIGBUS, and no check made before can rule that out. Within the `count` bytes from `start` on, the
 * process then writes `message` to the standard error and ends with AVP_MAPPING_LOST; everywhere
 * else SIGBUS means what it meant before.
 *
 * Returns a number for avp_unwatch_mapping, until when `message` must stay; -1 where too many
 * mappings are watched. */
int avp_watch_mapping(const void *start, size_t count, const char *message);
void avp_unwatch_mapping(int entry);

#endif
