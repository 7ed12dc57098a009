/// The part of MPI that avp-dist uses, as functions with plain types: MPI's own constants are
/// macros that Swift cannot import. Every function returns MPI's code (0 is success) and never
/// aborts the process by itself: the communicator's error handler is MPI_ERRORS_RETURN.
#ifndef AVP_MPI_SHIM_H
#define AVP_MPI_SHIM_H

#include <stddef.h>
#include <stdint.h>

/// A duplicate of MPI_COMM_WORLD, so that no message of other code in the process can meet ours.
typedef struct avp_mpi_comm avp_mpi_comm;
/// One started operation.
typedef struct avp_mpi_request avp_mpi_request;

typedef enum { AVP_MPI_BYTE, AVP_MPI_FLOAT, AVP_MPI_DOUBLE, AVP_MPI_INT64 } avp_mpi_type;
typedef enum { AVP_MPI_SUM, AVP_MPI_MIN, AVP_MPI_MAX } avp_mpi_op;

/* The library's name and version; needs no avp_mpi_open. `text` has room for `size` bytes. */
int avp_mpi_library(char *text, int size);

/// Initialises MPI (threads allowed, only the calling one uses MPI) and duplicates the world.
int avp_mpi_open(avp_mpi_comm **comm, int *rank, int *size);
/// Finalises MPI and frees the communicator; after an error it stays, of no use for other calls.
/// No heartbeat may be under way. Collective.
int avp_mpi_close(avp_mpi_comm *comm);
/// Ends every process of the run with `status`.
_Noreturn void avp_mpi_abort(int status);
/// MPI's text for a code, cut to `capacity` bytes with the closing zero.
void avp_mpi_error_text(int code, char *text, size_t capacity);

/// Starts an in-place allreduce of `count` elements. `buffer` must stay put until avp_mpi_test says
/// done.
int avp_mpi_start_allreduce(avp_mpi_comm *comm, void *buffer, int count, avp_mpi_type type,
                            avp_mpi_op op, avp_mpi_request **request);
/// Starts a broadcast of `count` bytes.
int avp_mpi_start_broadcast(avp_mpi_comm *comm, void *buffer, int count, int root,
                            avp_mpi_request **request);
/// Starts an allgather of `count` bytes of this rank into `all`, `counts[r]` bytes of rank r at
/// `offsets[r]`. The four arrays must stay put until done.
int avp_mpi_start_allgather(avp_mpi_comm *comm, const void *own, int count, void *all,
                            const int *counts, const int *offsets, avp_mpi_request **request);
/// Starts a barrier.
int avp_mpi_start_barrier(avp_mpi_comm *comm, avp_mpi_request **request);
/// Starts sending `count` bytes to rank `to`, which receives as many.
int avp_mpi_start_send(avp_mpi_comm *comm, const void *bytes, int count, int to,
                       avp_mpi_request **request);
/// Starts receiving `count` bytes from rank `from`.
int avp_mpi_start_receive(avp_mpi_comm *comm, void *bytes, int count, int from,
                          avp_mpi_request **request);
/// Sets `*done` to 1 and frees the request when the operation has ended, else to 0.
int avp_mpi_test(avp_mpi_request *request, int *done);

/// Sends a heartbeat ("I am here, doing this") of `count` bytes to `to` without waiting; to 62 ranks
/// at most. A heartbeat is dropped while an earlier one to the same rank is still under way.
int avp_mpi_heartbeat_send(avp_mpi_comm *comm, int to, const unsigned char *bytes, int count);
/// How many of the heartbeats that were sent are still under way. There must be none when the
/// communicator is closed.
int avp_mpi_heartbeats_under_way(avp_mpi_comm *comm, int *count);
/// Looks for a heartbeat that has come: `*from` is its sender, with `*count` bytes, or -1.
int avp_mpi_heartbeat_next(avp_mpi_comm *comm, int *from, int *count);
/// Takes the heartbeat that avp_mpi_heartbeat_next has found.
int avp_mpi_heartbeat_receive(avp_mpi_comm *comm, int from, unsigned char *bytes, int count);

/// Lets the calling thread, and those that it starts from now on, run on the processors whose bits are
/// set. Anything but 0 where the system refuses.
int avp_allow_processors(const unsigned long *mask, size_t bytes);

#endif
