/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/symbols/maps_line.h"

#include "base/base.h"

bool maps_line_parse(char *line, struct maps_line *ret)
{
    unsigned long long start, end, offset, inode;
    unsigned int major, minor;
    char permissions[5];
    int at = 0;

    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, permissions, &offset, &major, &minor, &inode,
               &at) < 7 ||
        at == 0 || strlen(permissions) < 3)
        return false;
    *ret = (struct maps_line){
        .start = start,
        .end = end,
        .offset = offset,
        .inode = inode,
        .major = major,
        .minor = minor,
        .executable = permissions[2] == 'x',
        .path = line + at,
    };
    return true;
}
