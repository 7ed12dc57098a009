#include "CBuildInfo.h"

#include <elf.h>
#include <link.h>
#include <string.h>

// Here only while scripts/build runs: what stayed would be wrong in a later build by other means.
#if __has_include("commit.h")
#include "commit.h"
#else
#define AVP_COMMIT ""
#endif

const char *avp_build_commit(void) { return AVP_COMMIT; }

/// The ELF header of this program, as the linker names it.
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

size_t avp_build_id(unsigned char *id, size_t capacity) {
  const unsigned char *base = (const unsigned char *)&__ehdr_start;
  const ElfW(Phdr) *segment = (const ElfW(Phdr) *)(base + __ehdr_start.e_phoff);
  for (int i = 0; i < __ehdr_start.e_phnum; i++, segment++) {
    if (segment->p_type != PT_NOTE) continue;
    const unsigned char *note =
        (const unsigned char *)(__ehdr_start.e_type == ET_DYN ? (ElfW(Addr))base : 0) +
        segment->p_vaddr;
    const unsigned char *end = note + segment->p_memsz;
    while (note + sizeof(ElfW(Nhdr)) <= end) {
      const ElfW(Nhdr) *head = (const ElfW(Nhdr) *)note;
      const unsigned char *name = note + sizeof *head;
      const unsigned char *content = name + (head->n_namesz + 3) / 4 * 4;
      if (head->n_type == NT_GNU_BUILD_ID && head->n_namesz == 4 && !memcmp(name, "GNU", 4)) {
        size_t count = head->n_descsz < capacity ? head->n_descsz : capacity;
        memcpy(id, content, count);
        return count;
      }
      note = content + (head->n_descsz + 3) / 4 * 4;
    }
  }
  return 0;
}
