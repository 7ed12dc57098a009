#define _GNU_SOURCE
#include "CMapping.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

// What the handler of SIGBUS knows. An entry is free while its end is 0.
static struct {
  _Atomic(uintptr_t) start, end;
  _Atomic(const char *) message;
} watched[AVP_MOST_WATCHED];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction former;
static int is_listening;

static void on_bus_error(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  const uintptr_t address = (uintptr_t)info->si_addr;
  for (int i = 0; i < AVP_MOST_WATCHED; i++) {
    if (address < watched[i].start || address >= watched[i].end) continue;
    const char *message = watched[i].message;
    // Nobody can be told where this fails, either.
    if (write(STDERR_FILENO, message, strlen(message)) < 0) _exit(AVP_MAPPING_LOST);
    _exit(AVP_MAPPING_LOST);
  }
  // Not ours: the access is repeated, and meets whoever was here before.
  sigaction(SIGBUS, &former, NULL);
}

int avp_watch_mapping(const void *start, size_t count, const char *message) {
  pthread_mutex_lock(&lock);
  if (!is_listening) {
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    is_listening = sigaction(SIGBUS, &action, &former) == 0;
  }
  int entry = 0;
  while (entry < AVP_MOST_WATCHED && watched[entry].end != 0) entry++;
  if (entry < AVP_MOST_WATCHED) {
    watched[entry].message = message;
    watched[entry].start = (uintptr_t)start;
    watched[entry].end = (uintptr_t)start + count;
  }
  pthread_mutex_unlock(&lock);
  return entry < AVP_MOST_WATCHED ? entry : -1;
}

void avp_unwatch_mapping(int entry) {
  if (entry >= 0) watched[entry].end = 0;
}
