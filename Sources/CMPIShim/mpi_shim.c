#include "mpi_shim.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

enum { HEARTBEAT_TAG = 7, PAIR_TAG = 8 };

/// A ring sends each rank's part of the vector in one message: shorter ones than this gain nothing
/// from it.
enum { RING_BYTES = 16384 };

/// Values of Open MPI's variable for the algorithm of the non-blocking allreduce.
static const int RING = 1, LIBRARYS_CHOICE = 0;

/// A rank sends heartbeats to a few others only: those 1, 2, 4, ... before and behind it.
enum { HEARTBEAT_RECEIVERS = 62 };

/// The last heartbeat to one rank.
struct heartbeat {
  int to;
  MPI_Request request;
  unsigned char *bytes;
};

struct avp_mpi_comm {
  MPI_Comm comm;
  int size;
  /// Open MPI's variable for the algorithm of the non-blocking allreduce, where it may be set.
  MPI_T_cvar_handle algorithm;
  struct heartbeat heartbeats[HEARTBEAT_RECEIVERS];
};

struct avp_mpi_request {
  MPI_Request request;
};

/// Opens the variable by which a large allreduce becomes a ring, where that is of use.
///
/// In place Open MPI adds whole vectors along a tree, at any size: on a slow network a ring, in
/// which every rank sends less than two vectors in all, takes about half the time. In the memory
/// of one host the tree, which has fewer steps, is the faster one. What the user has chosen stays.
static int open_algorithm(avp_mpi_comm *comm) {
  MPI_Comm host;
  int ranks = 0;
  int provided = 0;
  int index = 0;
  int count = 0;
  int chosen = 1;
  comm->algorithm = MPI_T_CVAR_HANDLE_NULL;
  int code = MPI_Comm_split_type(comm->comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
  if (code == MPI_SUCCESS) code = MPI_Comm_size(host, &ranks);
  if (code == MPI_SUCCESS) code = MPI_Comm_free(&host);
  if (code != MPI_SUCCESS || ranks == comm->size) return code;
  if (MPI_T_init_thread(MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) return MPI_SUCCESS;
  // Another MPI may not have it.
  if (MPI_T_cvar_get_index("coll_libnbc_iallreduce_algorithm", &index) != MPI_SUCCESS ||
      MPI_T_cvar_handle_alloc(index, NULL, &comm->algorithm, &count) != MPI_SUCCESS) {
    MPI_T_finalize();
    return MPI_SUCCESS;
  }
  if (count != 1 || MPI_T_cvar_read(comm->algorithm, &chosen) != MPI_SUCCESS || chosen != 0) {
    MPI_T_cvar_handle_free(&comm->algorithm);
    MPI_T_finalize();
  }
  return MPI_SUCCESS;
}

int avp_mpi_open(avp_mpi_comm **result, int *rank, int *size) {
  int provided = 0;
  int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  if (code != MPI_SUCCESS) return code;
  avp_mpi_comm *comm = calloc(1, sizeof *comm);
  if (!comm) return MPI_ERR_NO_MEM;
  code = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (code == MPI_SUCCESS) code = MPI_Comm_dup(MPI_COMM_WORLD, &comm->comm);
  if (code == MPI_SUCCESS) code = MPI_Comm_set_errhandler(comm->comm, MPI_ERRORS_RETURN);
  if (code == MPI_SUCCESS) code = MPI_Comm_rank(comm->comm, rank);
  if (code == MPI_SUCCESS) code = MPI_Comm_size(comm->comm, size);
  if (code == MPI_SUCCESS) {
    comm->size = *size;
    code = open_algorithm(comm);
  }
  if (code != MPI_SUCCESS) {
    free(comm);
    return code;
  }
  for (int i = 0; i < HEARTBEAT_RECEIVERS; i++) {
    comm->heartbeats[i].to = -1;
    comm->heartbeats[i].request = MPI_REQUEST_NULL;
  }
  *result = comm;
  return MPI_SUCCESS;
}

int avp_mpi_library(char *text, int size) {
  char version[MPI_MAX_LIBRARY_VERSION_STRING];
  int count = 0;
  int code = MPI_Get_library_version(version, &count);
  if (code != MPI_SUCCESS) return code;
  int length = count < size ? count : size - 1;
  memcpy(text, version, (size_t)length);
  text[length] = 0;
  return MPI_SUCCESS;
}

int avp_mpi_close(avp_mpi_comm *comm) {
  int code = MPI_Comm_free(&comm->comm);
  if (comm->algorithm != MPI_T_CVAR_HANDLE_NULL) {
    MPI_T_cvar_handle_free(&comm->algorithm);
    MPI_T_finalize();
  }
  if (code == MPI_SUCCESS) code = MPI_Finalize();
  if (code != MPI_SUCCESS) return code;
  for (int i = 0; i < HEARTBEAT_RECEIVERS; i++) free(comm->heartbeats[i].bytes);
  free(comm);
  return MPI_SUCCESS;
}

void avp_mpi_abort(int status) {
  MPI_Abort(MPI_COMM_WORLD, status);
  _Exit(status);
}

void avp_mpi_error_text(int code, char *text, size_t capacity) {
  char buffer[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  if (capacity == 0) return;
  if (MPI_Error_string(code, buffer, &length) != MPI_SUCCESS) buffer[0] = 0;
  strncpy(text, buffer, capacity - 1);
  text[capacity - 1] = 0;
}

static MPI_Datatype datatype(avp_mpi_type type) {
  switch (type) {
    case AVP_MPI_FLOAT: return MPI_FLOAT;
    case AVP_MPI_DOUBLE: return MPI_DOUBLE;
    case AVP_MPI_INT64: return MPI_INT64_T;
    default: return MPI_BYTE;
  }
}

static MPI_Op operation(avp_mpi_op op) {
  switch (op) {
    case AVP_MPI_MIN: return MPI_MIN;
    case AVP_MPI_MAX: return MPI_MAX;
    default: return MPI_SUM;
  }
}

/// Hands the request to the caller when the start succeeded, else drops it.
static int started(int code, avp_mpi_request *request, avp_mpi_request **result) {
  if (code != MPI_SUCCESS) {
    free(request);
    return code;
  }
  *result = request;
  return MPI_SUCCESS;
}

static avp_mpi_request *new_request(void) { return calloc(1, sizeof(avp_mpi_request)); }

int avp_mpi_start_allreduce(avp_mpi_comm *comm, void *buffer, int count, avp_mpi_type type,
                            avp_mpi_op op, avp_mpi_request **result) {
  avp_mpi_request *request = new_request();
  if (!request) return MPI_ERR_NO_MEM;
  int width = 0;
  int code = MPI_Type_size(datatype(type), &width);
  // All ranks decide alike: they agree about the count, and about being on several hosts.
  int is_ring = comm->algorithm != MPI_T_CVAR_HANDLE_NULL &&
                (size_t)count * (size_t)width / (size_t)comm->size >= RING_BYTES;
  // It is read while the operation starts.
  if (is_ring) is_ring = MPI_T_cvar_write(comm->algorithm, &RING) == MPI_SUCCESS;
  if (code == MPI_SUCCESS)
    code = MPI_Iallreduce(MPI_IN_PLACE, buffer, count, datatype(type), operation(op), comm->comm,
                          &request->request);
  if (is_ring) MPI_T_cvar_write(comm->algorithm, &LIBRARYS_CHOICE);
  return started(code, request, result);
}

int avp_mpi_start_broadcast(avp_mpi_comm *comm, void *buffer, int count, int root,
                            avp_mpi_request **result) {
  avp_mpi_request *request = new_request();
  if (!request) return MPI_ERR_NO_MEM;
  return started(MPI_Ibcast(buffer, count, MPI_BYTE, root, comm->comm, &request->request), request,
                 result);
}

int avp_mpi_start_allgather(avp_mpi_comm *comm, const void *own, int count, void *all,
                            const int *counts, const int *offsets, avp_mpi_request **result) {
  avp_mpi_request *request = new_request();
  if (!request) return MPI_ERR_NO_MEM;
  return started(MPI_Iallgatherv(own, count, MPI_BYTE, all, counts, offsets, MPI_BYTE, comm->comm,
                                 &request->request),
                 request, result);
}

int avp_mpi_start_barrier(avp_mpi_comm *comm, avp_mpi_request **result) {
  avp_mpi_request *request = new_request();
  if (!request) return MPI_ERR_NO_MEM;
  return started(MPI_Ibarrier(comm->comm, &request->request), request, result);
}

int avp_mpi_start_send(avp_mpi_comm *comm, const void *bytes, int count, int to,
                       avp_mpi_request **result) {
  avp_mpi_request *request = new_request();
  if (!request) return MPI_ERR_NO_MEM;
  return started(MPI_Isend(bytes, count, MPI_BYTE, to, PAIR_TAG, comm->comm, &request->request),
                 request, result);
}

int avp_mpi_start_receive(avp_mpi_comm *comm, void *bytes, int count, int from,
                          avp_mpi_request **result) {
  avp_mpi_request *request = new_request();
  if (!request) return MPI_ERR_NO_MEM;
  return started(MPI_Irecv(bytes, count, MPI_BYTE, from, PAIR_TAG, comm->comm, &request->request),
                 request, result);
}

int avp_mpi_test(avp_mpi_request *request, int *done) {
  int code = MPI_Test(&request->request, done, MPI_STATUS_IGNORE);
  if (code != MPI_SUCCESS || *done) free(request);
  return code;
}

int avp_mpi_heartbeat_send(avp_mpi_comm *comm, int to, const unsigned char *bytes, int count) {
  if (to < 0 || to >= comm->size || count < 0) return MPI_ERR_ARG;
  int i = 0;
  while (i < HEARTBEAT_RECEIVERS && comm->heartbeats[i].to >= 0 && comm->heartbeats[i].to != to) i++;
  if (i == HEARTBEAT_RECEIVERS) return MPI_ERR_RANK;
  struct heartbeat *heartbeat = &comm->heartbeats[i];
  if (heartbeat->request != MPI_REQUEST_NULL) {
    int done = 0;
    int code = MPI_Test(&heartbeat->request, &done, MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS || !done) return code;
  }
  unsigned char *copy = realloc(heartbeat->bytes, (size_t)count + 1);
  if (!copy) return MPI_ERR_NO_MEM;
  memcpy(copy, bytes, (size_t)count);
  heartbeat->bytes = copy;
  heartbeat->to = to;
  return MPI_Isend(copy, count, MPI_BYTE, to, HEARTBEAT_TAG, comm->comm, &heartbeat->request);
}

int avp_mpi_heartbeats_under_way(avp_mpi_comm *comm, int *count) {
  *count = 0;
  for (int i = 0; i < HEARTBEAT_RECEIVERS; i++) {
    int done = 0;
    if (comm->heartbeats[i].request == MPI_REQUEST_NULL) continue;
    int code = MPI_Test(&comm->heartbeats[i].request, &done, MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS) return code;
    *count += !done;
  }
  return MPI_SUCCESS;
}

int avp_mpi_heartbeat_next(avp_mpi_comm *comm, int *from, int *count) {
  int waiting = 0;
  MPI_Status status;
  *from = -1;
  int code = MPI_Iprobe(MPI_ANY_SOURCE, HEARTBEAT_TAG, comm->comm, &waiting, &status);
  if (code != MPI_SUCCESS || !waiting) return code;
  code = MPI_Get_count(&status, MPI_BYTE, count);
  if (code == MPI_SUCCESS) *from = status.MPI_SOURCE;
  return code;
}

int avp_mpi_heartbeat_receive(avp_mpi_comm *comm, int from, unsigned char *bytes, int count) {
  return MPI_Recv(bytes, count, MPI_BYTE, from, HEARTBEAT_TAG, comm->comm, MPI_STATUS_IGNORE);
}
