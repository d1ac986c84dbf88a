/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/elf_file.h"

#include <fcntl.h>
#include <gelf.h>
#include <sys/stat.h>

#include "base/base.h"

struct elf_file {
    int fd;
    Elf *elf;
};

void elf_file_free(struct elf_file *file)
{
    if (!file)
        return;
    (void)elf_end(file->elf);
    base_close_fd(&file->fd);
    free(file);
}

void elf_file_freep(struct elf_file **file)
{
    elf_file_free(*file);
}

int elf_file_open(const char *path, struct elf_file **ret_file)
{
    CLEANUP(elf_file_freep) struct elf_file *file = calloc(1, sizeof(*file));
    struct stat st;

    if (!file)
        return -ENOMEM;
    /* Not to hang on a FIFO put in place of the file. */
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file->fd < 0)
        return -errno;
    if (fstat(file->fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || elf_version(EV_CURRENT) == EV_NONE)
        return -ENOEXEC;
    file->elf = elf_begin(file->fd, ELF_C_READ, NULL);
    if (!file->elf || elf_kind(file->elf) != ELF_K_ELF)
        return -ENOEXEC;
    *ret_file = TAKE_PTR(file);
    return 0;
}

bool elf_file_is_x86_64(const struct elf_file *file)
{
    GElf_Ehdr header;

    return gelf_getehdr(file->elf, &header) && header.e_machine == EM_X86_64 && header.e_ident[EI_CLASS] == ELFCLASS64;
}

static size_t find_in_section(const struct elf_file *file, Elf_Scn *section, const GElf_Shdr *header,
                              const char *const *names, size_t n, struct elf_symbol *symbols)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = data && header->sh_entsize ? data->d_size / header->sh_entsize : 0;
    size_t found = 0;
    GElf_Sym symbol;

    for (size_t i = 0; i < count && i < INT32_MAX && gelf_getsym(data, (int)i, &symbol); i++) {
        const char *name;

        if (symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0)
            continue;
        name = elf_strptr(file->elf, header->sh_link, symbol.st_name);
        for (size_t k = 0; name && k < n; k++) {
            if (symbols[k].address != 0 || strcmp(name, names[k]) != 0)
                continue;
            symbols[k] = (struct elf_symbol){.address = symbol.st_value, .size = symbol.st_size};
            found++;
        }
    }
    return found;
}

size_t elf_file_find_symbols(const struct elf_file *file, const char *const *names, size_t n, bool all,
                             struct elf_symbol *ret_symbols)
{
    static const GElf_Word tables[] = {SHT_DYNSYM, SHT_SYMTAB};
    size_t found = 0;

    memset(ret_symbols, 0, n * sizeof(*ret_symbols));
    for (size_t i = 0; i < (all ? 2U : 1U) && found < n; i++) {
        Elf_Scn *section = NULL;
        GElf_Shdr header;

        while ((section = elf_nextscn(file->elf, section)))
            if (gelf_getshdr(section, &header) && header.sh_type == tables[i])
                found += find_in_section(file, section, &header, names, n, ret_symbols);
    }
    return found;
}

/* Call it with index 0, 1, ...: @return false after the last program header */
static bool get_segment(const struct elf_file *file, size_t index, GElf_Phdr *ret_segment)
{
    size_t n = 0;

    return elf_getphdrnum(file->elf, &n) == 0 && index < n && index < INT32_MAX &&
           gelf_getphdr(file->elf, (int)index, ret_segment);
}

int elf_file_read(const struct elf_file *file, uint64_t address, void *buffer, size_t size)
{
    GElf_Phdr segment;

    for (size_t i = 0; get_segment(file, i, &segment); i++) {
        uint64_t offset = address - segment.p_vaddr;
        ssize_t n;

        if (segment.p_type != PT_LOAD || address < segment.p_vaddr || offset >= segment.p_filesz ||
            size > segment.p_filesz - offset || segment.p_offset > INT64_MAX - offset)
            continue;
        n = pread(file->fd, buffer, size, (off_t)(segment.p_offset + offset));
        if (n < 0)
            return -errno;
        return (size_t)n == size ? 0 : -EFAULT;
    }
    return -EFAULT;
}

int elf_file_bias(const struct elf_file *file, uint64_t start, uint64_t offset, uint64_t *ret_bias)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    GElf_Phdr segment;

    for (size_t i = 0; get_segment(file, i, &segment); i++) {
        uint64_t first = segment.p_offset & ~(page - 1);

        if (segment.p_type != PT_LOAD || offset < first || offset >= segment.p_offset + segment.p_filesz)
            continue;
        *ret_bias = start - (segment.p_vaddr - segment.p_offset + offset);
        return 0;
    }
    return -ENOENT;
}

int elf_file_writable_range(const struct elf_file *file, uint64_t *ret_start, uint64_t *ret_end)
{
    GElf_Phdr segment;

    for (size_t i = 0; get_segment(file, i, &segment); i++) {
        if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_W) || segment.p_memsz > UINT64_MAX - segment.p_vaddr)
            continue;
        *ret_start = segment.p_vaddr;
        *ret_end = segment.p_vaddr + segment.p_memsz;
        return 0;
    }
    return -ENOENT;
}

bool elf_file_needs(const struct elf_file *file, const char *prefix)
{
    Elf_Scn *section = NULL;
    GElf_Shdr header;
    GElf_Dyn entry;

    while ((section = elf_nextscn(file->elf, section))) {
        Elf_Data *data;
        size_t count;

        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNAMIC || header.sh_entsize == 0)
            continue;
        data = elf_getdata(section, NULL);
        count = data ? data->d_size / header.sh_entsize : 0;
        for (size_t i = 0; i < count && i < INT32_MAX && gelf_getdyn(data, (int)i, &entry); i++) {
            const char *name =
                entry.d_tag == DT_NEEDED ? elf_strptr(file->elf, header.sh_link, entry.d_un.d_val) : NULL;

            if (name && strncmp(name, prefix, strlen(prefix)) == 0)
                return true;
        }
    }
    return false;
}

static Elf_Scn *find_section(const struct elf_file *file, const char *wanted, GElf_Shdr *ret_header)
{
    Elf_Scn *section = NULL;
    size_t strings;

    if (elf_getshdrstrndx(file->elf, &strings) < 0)
        return NULL;
    while ((section = elf_nextscn(file->elf, section))) {
        const char *name;

        if (!gelf_getshdr(section, ret_header))
            continue;
        name = elf_strptr(file->elf, strings, ret_header->sh_name);
        if (name && strcmp(name, wanted) == 0)
            return section;
    }
    return NULL;
}

int elf_file_section(const struct elf_file *file, const char *name, uint64_t *ret_address, uint64_t *ret_size)
{
    GElf_Shdr header;

    if (!find_section(file, name, &header))
        return -ENOENT;
    *ret_address = header.sh_addr;
    *ret_size = header.sh_size;
    return 0;
}
