/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/load.h"

#include "base/base.h"
#include "cli/say.h"
#include "probe/measurement_json.h"

int load_measurement(const char *path, struct measurement **ret_m)
{
    char message[1024] = "";
    int r = measurement_load(path, ret_m, message, sizeof(message));

    if (r == -EPROTONOSUPPORT)
        say("%s was saved by a later version: %s. Use that version to read it.", path,
            message[0] ? message : strerror(-r));
    else if (r == -EBADMSG)
        say("%s is no saved measurement, or is damaged: %s. concadvise --save FILE makes one.", path, message);
    else if (r < 0)
        say("can't read %s: %s.", path, message[0] ? message : strerror(-r));
    return r;
}
