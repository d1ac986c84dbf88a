/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/image.h"

#include <gelf.h>
#include <sys/auxv.h>

#include "base/base.h"
#include "probe/symbols/mappings.h"

#define SEGMENTS_MAX 1024

/* The image ends with its section headers (arch/x86/entry/vdso); segments may reach further in other builds. */
static size_t vdso_size(const char *image)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
    size_t size = header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;

    for (size_t i = 0; i < header->e_phnum; i++) {
        const Elf64_Phdr *segment = (const Elf64_Phdr *)(image + header->e_phoff + i * header->e_phentsize);

        if (segment->p_type == PT_LOAD && segment->p_offset + segment->p_filesz > size)
            size = segment->p_offset + segment->p_filesz;
    }
    return size;
}

static Elf *open_vdso(void)
{
    char *image = (char *)getauxval(AT_SYSINFO_EHDR); // NOLINT: the kernel hands out addresses as numbers

    if (!image || memcmp(image, ELFMAG, SELFMAG) != 0 || image[EI_CLASS] != ELFCLASS64)
        return NULL;
    return elf_memory(image, vdso_size(image));
}

Elf *image_open(const struct pinned_file *file)
{
    GElf_Ehdr header;
    Elf *elf = NULL;

    if (elf_version(EV_CURRENT) == EV_NONE)
        return NULL;
    if (strcmp(file->path, "[vdso]") == 0)
        elf = open_vdso();
    else if (file->fd >= 0)
        elf = elf_begin(file->fd, ELF_C_READ, NULL);
    if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header) && header.e_machine == EM_X86_64 &&
        header.e_ident[EI_CLASS] == ELFCLASS64 && (header.e_type == ET_DYN || header.e_type == ET_EXEC))
        return elf;
    (void)elf_end(elf);
    return NULL;
}

/* Call it with index 0, 1, ...: @return false after the last program header */
static bool get_segment(Elf *elf, size_t index, GElf_Phdr *ret_segment)
{
    size_t n = 0;

    return elf_getphdrnum(elf, &n) == 0 && index < n && index < SEGMENTS_MAX &&
           gelf_getphdr(elf, (int)index, ret_segment);
}

bool image_extent(Elf *elf, uint64_t *ret_low, uint64_t *ret_high)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t low = 0, high = 0;
    bool first = true;
    GElf_Phdr segment;

    for (size_t i = 0; get_segment(elf, i, &segment); i++) {
        if (segment.p_type != PT_LOAD)
            continue;
        if (first)
            low = segment.p_vaddr & -segment.p_align;
        first = false;
        if (segment.p_vaddr + segment.p_memsz > high)
            high = segment.p_vaddr + segment.p_memsz;
    }
    high = (high + page - 1) & -page;
    if (first || low >= high)
        return false;
    *ret_low = low;
    *ret_high = high;
    return true;
}

/* @return the strings of a section, NULL: none, or the last one does not end */
static const Elf_Data *strings_in(Elf_Scn *section)
{
    const Elf_Data *data = elf_getdata(section, NULL);

    if (!data || !data->d_buf || data->d_size == 0 || ((const char *)data->d_buf)[data->d_size - 1] != '\0')
        return NULL;
    return data;
}

bool image_strings_end(Elf *elf, const char *name)
{
    Elf_Scn *section = NULL;
    size_t strings = 0;
    GElf_Shdr header;

    if (elf_getshdrstrndx(elf, &strings) < 0)
        return true; /* no sections */
    while ((section = elf_nextscn(elf, section))) {
        const char *found = gelf_getshdr(section, &header) ? elf_strptr(elf, strings, header.sh_name) : NULL;

        if (found && strcmp(found, name) == 0 && header.sh_type != SHT_NOBITS && header.sh_size > 0 &&
            !strings_in(section))
            return false;
    }
    return true;
}

bool image_strings_around(Elf *elf, const char *text, const char **ret_start, const char **ret_end)
{
    Elf_Scn *section = NULL;
    GElf_Shdr header;

    while ((section = elf_nextscn(elf, section))) {
        const Elf_Data *data =
            gelf_getshdr(section, &header) && header.sh_type == SHT_STRTAB ? strings_in(section) : NULL;

        if (!data || (uintptr_t)text - (uintptr_t)data->d_buf >= data->d_size)
            continue;
        *ret_start = data->d_buf;
        *ret_end = *ret_start + data->d_size;
        return true;
    }
    return false;
}

bool image_address(Elf *elf, uint64_t offset, uint64_t *ret_address)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    GElf_Phdr segment;

    for (size_t i = 0; get_segment(elf, i, &segment); i++) {
        if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X) || offset < (segment.p_offset & -page) ||
            offset >= segment.p_offset + segment.p_filesz)
            continue;
        *ret_address = segment.p_vaddr - segment.p_offset + offset;
        return true;
    }
    return false;
}
