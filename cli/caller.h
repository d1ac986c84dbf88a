/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * caller: files belong to who called us, not to whom the target runs as. Under -u the two differ: the caller is then
 * kept as the saved user (probe_become_user()).
 */

/* Be who called us, for as long as a file of theirs is looked for or written. */
void caller_begin(void);

/* Be whom the target runs as again. */
void caller_end(void);
