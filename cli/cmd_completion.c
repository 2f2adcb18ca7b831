/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_completion.c - completion: a script for bash, made from the table of commands. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

/* Whether no row above is of the same noun. */
static bool is_first_of_noun(const struct command *command)
{
    for (const struct command *above = commands; above < command; above++)
        if (strcmp(above->noun, command->noun) == 0)
            return false;
    return true;
}

static void print_nouns(void)
{
    for (const struct command *command = commands; command->noun; command++)
        if (is_first_of_noun(command))
            printf(" %s", command->noun);
}

/* Options of any command whose value is the next word, which is no noun, then, and no verb. */
static void print_valued(void)
{
    for (const struct command *command = commands; command->noun; command++)
        for (size_t i = 0; i < CLI_OPTIONS_MAX && command->options[i].name; i++)
            if (command->options[i].value)
                printf(" --%s", command->options[i].name);
}

static bool has_verbs(const char *noun)
{
    for (const struct command *command = commands; command->noun; command++)
        if (command->verb && strcmp(command->noun, noun) == 0)
            return true;
    return false;
}

static void print_verbs(const char *noun)
{
    for (const struct command *command = commands; command->noun; command++)
        if (command->verb && strcmp(command->noun, noun) == 0)
            printf(" %s", command->verb);
}

static void print_options(const struct command *command)
{
    for (size_t i = 0; i < CLI_OPTIONS_MAX && command->options[i].name; i++)
        printf(" --%s", command->options[i].name);
}

/* The words of "a|b|c...", if an argument is one of them. */
static void print_choice(const char *arguments)
{
    if (!strchr(arguments, '|'))
        return;
    for (putchar(' '); *arguments && *arguments != '.'; arguments++)
        putchar(*arguments == '|' ? ' ' : *arguments);
}

enum cli_exit cmd_completion(struct cli *cli)
{
    (void)cli;
    fputs("# bash completion for privyseal, printed by `privyseal completion`\n"
          "_privyseal() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} words=()\n"
          "    local before= w valued=' --config --identity",
          stdout);
    print_valued();
    fputs(" '\n"
          "    for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
          "        [[ $w == -* || $valued == *\" $before \"* ]] || words+=(\"$w\")\n"
          "        before=$w\n"
          "    done\n"
          "    local choices='--config --identity --json --help --version'\n"
          "    case \"${words[0]} ${words[1]}\" in\n",
          stdout);
    for (const struct command *command = commands; command->noun; command++) {
        printf("    '%s %s'*) choices+='", command->noun, command->verb ? command->verb : "");
        print_options(command);
        print_choice(command->arguments);
        puts("' ;;");
    }
    fputs("    esac\n    case ${#words[@]}:${words[0]} in\n    0:*) choices+='", stdout);
    print_nouns();
    puts("' ;;");
    for (const struct command *command = commands; command->noun; command++)
        if (is_first_of_noun(command) && has_verbs(command->noun)) {
            printf("    1:%s) choices+='", command->noun);
            print_verbs(command->noun);
            puts("' ;;");
        }
    fputs("    esac\n"
          "    COMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n"
          "    [[ $word == -* || ${#words[@]} -lt 2 ]] || COMPREPLY+=($(compgen -f -- \"$word\"))\n"
          "}\n"
          "complete -o filenames -F _privyseal privyseal\n",
          stdout);
    return CLI_DONE;
}
