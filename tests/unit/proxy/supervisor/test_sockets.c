/* SPDX-License-Identifier: Apache-2.0 */
/* test_sockets.c - addresses to listen on, good and bad. */
#include "proxy/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "include/log.h"
#include "include/table.h"
#include "tests/support/suite.h"

static struct proxy_config config_of(const char *address)
{
    return (struct proxy_config){ .listen = { { (char *)address }, 1 } };
}

START_TEST(numeric_addresses_with_a_port_are_taken)
{
    static const char *const addresses[] = { "127.0.0.1:7443", "0.0.0.0:1", "[::]:7443", "[::1]:0" };

    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        struct proxy_config config = config_of(addresses[i]);
        CLEANUP(free_string) char *why = NULL;

        ck_assert_msg(sockets_check(&config, &why) == 0, "%s", addresses[i]);
    }
}
END_TEST

START_TEST(anything_else_is_refused_by_name)
{
    static const char *const addresses[] = {
        "",          ":",          "127.0.0.1", "localhost:7443", "127.0.0.1:https", "127.0.0.1:99999",
        "[::1:7443", "300.0.0.1:1"
    };

    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        struct proxy_config config = config_of(addresses[i]);
        CLEANUP(free_string) char *why = NULL;

        ck_assert_msg(sockets_check(&config, &why) == -EINVAL, "%s", addresses[i]);
        ck_assert_ptr_nonnull(strstr(why, addresses[i]));
    }
}
END_TEST

START_TEST(port_in_use_is_said_with_its_address)
{
    struct proxy_config config = config_of("127.0.0.1:0");
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    struct sockets first, second;
    CLEANUP(free_string) char *why = NULL;
    char text[32];

    log_open("test", LOG_LEVEL_ERROR);
    ck_assert_int_eq(sockets_open(&config, &first, &why), 0);
    ck_assert_uint_eq(first.count, 1);
    ck_assert_int_eq(getsockname(first.fd[0], (struct sockaddr *)&address, &len), 0);
    snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(address.sin_port));
    config = config_of(text);
    ck_assert_int_eq(sockets_open(&config, &second, &why), -EADDRINUSE);
    ck_assert_ptr_nonnull(strstr(why, text));
    sockets_close(&first);
}
END_TEST

SUITE("sockets", numeric_addresses_with_a_port_are_taken, anything_else_is_refused_by_name,
      port_in_use_is_said_with_its_address);
