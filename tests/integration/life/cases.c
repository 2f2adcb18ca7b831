/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases.c - cases list GROUP: names and sentences, for the scripts that make TAP of them.
 *           cases run GROUP NAME MODULE TOKEN PIN-FILE: one case. Exit status 0: passed.
 *           cases inherited: exit status 0 if the process was started without any connection.
 */
#include <stdio.h>
#include <string.h>

#include "include/table.h"
#include "tests/integration/life/cases.h"

struct group {
    const char *name;
    const struct life_case *cases;
};

static const struct group groups[] = {
    { "fork", fork_cases },
    { "slow", slow_cases },
    { "threads", thread_cases },
    { "unload", unload_cases },
};

static const struct life_case *find_group(const char *name)
{
    const struct group *group;

    for (EACH_ROW(group, groups))
        if (strcmp(group->name, name) == 0)
            return group->cases;
    return NULL;
}

static const struct life_case *find_case(const struct life_case *cases, const char *name)
{
    while (cases && cases->name && strcmp(cases->name, name) != 0)
        cases++;
    return cases && cases->name ? cases : NULL;
}

int main(int argc, char **argv)
{
    const struct life_case *row = argc > 2 ? find_group(argv[2]) : NULL;

    if (row && argc == 3 && strcmp(argv[1], "list") == 0) {
        for (; row->name; row++)
            printf("%s\t%s\n", row->name, row->sentence);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "inherited") == 0)
        return host_connections().count != 0;
    row = argc == 7 && strcmp(argv[1], "run") == 0 ? find_case(row, argv[3]) : NULL;
    if (!row)
        return 2;
    row->run(&(struct host){ .path = argv[4], .token = argv[5], .pin_file = argv[6] });
    return 0;
}
