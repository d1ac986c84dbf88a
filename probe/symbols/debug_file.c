/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/debug_file.h"

#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <sys/mman.h>

#include "base/base.h"
#include "probe/symbols/regular_file.h"

bool debug_file_is_small(Elf *elf)
{
    Elf_Scn *section = NULL;
    uint64_t total = 0;
    size_t strings;

    if (elf_getshdrstrndx(elf, &strings) < 0)
        return true;
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        GElf_Chdr packed;
        const char *name = gelf_getshdr(section, &header) ? elf_strptr(elf, strings, header.sh_name) : NULL;
        uint64_t size;

        if (!name || (strncmp(name, ".debug", 6) != 0 && strncmp(name, ".zdebug", 7) != 0))
            continue;
        size = header.sh_flags & SHF_COMPRESSED && gelf_getchdr(section, &packed) ? packed.ch_size : header.sh_size;
        if (size > (uint64_t)DEBUG_FILE_MAX || (total += size) > (uint64_t)DEBUG_FILE_MAX)
            return false;
    }
    return true;
}

/* The checksum of .gnu_debuglink: CRC-32 as in zlib (GDB manual, "Separate Debug Files"). */
static uint32_t crc32(uint32_t crc, const unsigned char *bytes, size_t n)
{
    static uint32_t table[256];

    for (uint32_t i = 1; table[255] == 0 && i < 256; i++) {
        uint32_t entry = i;

        for (int bit = 0; bit < 8; bit++)
            entry = entry >> 1 ^ (entry & 1 ? UINT32_C(0xedb88320) : 0);
        table[i] = entry;
    }
    crc = ~crc;
    for (size_t i = 0; i < n; i++)
        crc = table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
    return ~crc;
}

/* Checksum of a file, which goes to `copy` as well unless that is -1. @return 0, -errno */
static int read_through(int fd, int copy, uint32_t *ret_crc)
{
    enum { CHUNK = 1 << 18 };
    AUTO_FREE unsigned char *chunk = malloc(CHUNK);
    uint32_t crc = 0;
    ssize_t n;

    if (!chunk)
        return -ENOMEM;
    for (int64_t total = 0; (n = read(fd, chunk, CHUNK)) > 0; total += n) {
        crc = crc32(crc, chunk, (size_t)n);
        if (copy >= 0 && (total > DEBUG_FILE_MAX || write(copy, chunk, (size_t)n) != n))
            return -EFBIG;
    }
    *ret_crc = crc;
    return n < 0 ? -errno : 0;
}

static bool has_build_id_of(Dwfl_Module *module, int fd)
{
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    const unsigned char *wanted = NULL;
    const void *seen = NULL;
    GElf_Addr address;
    int n = dwfl_module_build_id(module, &wanted, &address);
    bool same = elf && n > 0 && dwelf_elf_gnu_build_id(elf, &seen) == n && memcmp(seen, wanted, (size_t)n) == 0;

    (void)elf_end(elf);
    return same;
}

static bool is_small(int fd)
{
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    bool small = elf && debug_file_is_small(elf);

    (void)elf_end(elf);
    return small;
}

/*
 * What others than root own could shrink while libdw has it mapped: it is copied first.
 * @return a descriptor of the file or of a copy of it; -1: it is none, or not the right one
 */
static int open_checked(Dwfl_Module *module, const char *path, GElf_Word wanted_crc)
{
    AUTO_CLOSE int fd = regular_file_open(path, true, NULL, NULL);
    AUTO_CLOSE int copy = -1;
    struct stat st;
    uint32_t crc = 0;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    if (st.st_uid != 0) {
        copy = memfd_create("debug", MFD_CLOEXEC);
        if (copy < 0)
            return -1;
    }
    if (read_through(fd, copy, &crc) < 0 || (crc != wanted_crc && !has_build_id_of(module, copy >= 0 ? copy : fd)))
        return -1;
    if (copy >= 0)
        return is_small(copy) ? TAKE_FD(copy) : -1;
    return TAKE_FD(fd);
}

static int find_by_name(Dwfl_Module *module, const char *file_name, const char *name, GElf_Word crc, char **ret_path)
{
    static const char *const patterns[][2] = {{"", "/"}, {"", "/.debug/"}, {"/usr/lib/debug", "/"}};
    const char *slash = strrchr(file_name, '/');

    if (!slash || !*name || strchr(name, '/'))
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
        AUTO_FREE char *path = NULL;
        int fd;

        if (asprintf(&path, "%s%.*s%s%s", patterns[i][0], (int)(slash - file_name), file_name, patterns[i][1], name) <
            0) {
            path = NULL;
            return -1;
        }
        if (strcmp(path, file_name) == 0)
            continue;
        fd = open_checked(module, path, crc);
        if (fd < 0)
            continue;
        *ret_path = TAKE_PTR(path);
        return fd;
    }
    return -1;
}

int debug_file_find(Dwfl_Module *module, void **user_data, const char *module_name, Dwarf_Addr base,
                    const char *file_name, const char *debuglink_file, GElf_Word debuglink_crc, char **ret_file_name)
{
    /* The standard callback, dwfl_standard_find_debuginfo(), would ask servers on the network; this one does not. */
    int fd = dwfl_build_id_find_debuginfo(module, user_data, module_name, base, file_name, debuglink_file,
                                          debuglink_crc, ret_file_name);

    if (fd >= 0 || !file_name || !debuglink_file)
        return fd;
    return find_by_name(module, file_name, debuglink_file, debuglink_crc, ret_file_name);
}
