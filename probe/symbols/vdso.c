/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/vdso.h"

#include <elf.h>
#include <sys/auxv.h>

#include "base/base.h"

/* The image ends with its section headers (arch/x86/entry/vdso); segments may reach further in other builds. */
static size_t image_size(const char *image)
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

Elf *vdso_open(void)
{
    char *image = (char *)getauxval(AT_SYSINFO_EHDR); // NOLINT: the kernel hands out addresses as numbers

    if (!image || memcmp(image, ELFMAG, SELFMAG) != 0 || image[EI_CLASS] != ELFCLASS64)
        return NULL;
    return elf_memory(image, image_size(image));
}
