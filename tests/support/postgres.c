/* SPDX-License-Identifier: Apache-2.0 */
/* postgres.c - initdb and postgres, as Debian installs them. */
#include "tests/support/postgres.h"

#include <glob.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "include/cleanup.h"

#define START_PATIENCE_MS 30000

static char directory[64], programs[PATH_MAX];
static pid_t server;

static void fail(const char *format, ...) PRINTF_LIKE(1, 2);
static void fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

static void drop_root(void)
{
    const struct passwd *nobody = getpwnam("nobody");

    if (geteuid() != 0)
        return;
    if (!nobody || setgid(nobody->pw_gid) < 0 || setuid(nobody->pw_uid) < 0)
        _exit(126);
}

static pid_t spawn(const char *program, char *const *arguments)
{
    char path[PATH_MAX + 32], log[96];
    pid_t pid;

    snprintf(path, sizeof(path), "%s/%s", programs, program);
    snprintf(log, sizeof(log), "%s/log", directory);
    pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        drop_root();
        if (chdir(directory) < 0 || !freopen(log, "a", stdout) || dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
            _exit(126);
        unsetenv("LD_PRELOAD");
        execv(path, arguments);
        _exit(127);
    }
    return pid;
}

static void find_programs(void)
{
    glob_t found = { 0 };

    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0)
        fail("PostgreSQL is not installed");
    snprintf(programs, sizeof(programs), "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

static void make_directory(void)
{
    const struct passwd *nobody = getpwnam("nobody");

    strcpy(directory, "/tmp/privyseal-postgres-XXXXXX");
    if (!mkdtemp(directory) ||
        (geteuid() == 0 && (!nobody || chown(directory, nobody->pw_uid, nobody->pw_gid) < 0)))
        fail("%s", directory);
}

static PGconn *connect_to(const char *database)
{
    char where[POSTGRES_URL_MAX];

    snprintf(where, sizeof(where), "host=%s dbname=%s user=postgres", directory, database);
    return PQconnectdb(where);
}

static void await_server(void)
{
    for (unsigned waited_ms = 0; waited_ms < START_PATIENCE_MS; waited_ms += 50) {
        PGconn *connection = connect_to("postgres");
        bool is_up = PQstatus(connection) == CONNECTION_OK;

        PQfinish(connection);
        if (is_up)
            return;
        usleep(50000);
    }
    fail("PostgreSQL did not start: see %s/log", directory);
}

void postgres_restart(void)
{
    char data[] = "data";
    char *const run[] = { "postgres", "-D", data, "-c", "listen_addresses=", "-k", directory, NULL };

    server = spawn("postgres", run);
    await_server();
}

void postgres_start(void)
{
    char data[] = "data";
    char *const make[] = { "initdb", "-D", data,   "-U",         "postgres",  "-A",
                           "trust",  "-E", "UTF8", "--locale=C", "--no-sync", NULL };
    int status;

    find_programs();
    make_directory();
    if (waitpid(spawn("initdb", make), &status, 0) < 0 || status != 0)
        fail("initdb failed: see %s/log", directory);
    postgres_restart();
}

void postgres_crash(void)
{
    int status;

    kill(server, SIGQUIT); /* immediate shutdown: no checkpoint, recovery at the next start */
    waitpid(server, &status, 0);
}

/* Its processes are the server's children. */
void postgres_freeze(bool is_frozen)
{
    char command[96];
    int r;

    snprintf(command, sizeof(command), "pkill -%s -P %d; true", is_frozen ? "STOP" : "CONT", (int)server);
    r = system(command);
    if (r != 0 || kill(server, is_frozen ? SIGSTOP : SIGCONT) < 0)
        fail("%s", command);
}

void postgres_stop(void)
{
    char *const remove[] = { "rm", "-rf", directory, NULL };
    int status;
    pid_t pid;

    postgres_crash();
    pid = fork();
    if (pid == 0) {
        execvp("rm", remove);
        _exit(127);
    }
    waitpid(pid, &status, 0);
}

void postgres_make_database(char ret_url[POSTGRES_URL_MAX])
{
    PGconn *connection = connect_to("postgres");
    char name[32], sql[64];
    PGresult *result;

    snprintf(name, sizeof(name), "test_%d", (int)getpid());
    snprintf(sql, sizeof(sql), "CREATE DATABASE %s", name);
    result = PQexec(connection, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail("%s: %s", sql, PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
    snprintf(ret_url, POSTGRES_URL_MAX, "postgresql:host=%s dbname=%s user=postgres", directory, name);
}
