/* SPDX-License-Identifier: Apache-2.0 */
/* handlers.h - handle_<Name>() for every row of methods.def; each stands in the file of its subject. */
#pragma once

#include "proxy/service/service.h"

#define METHOD(service, name, proof, permission, repeat, deadline, request_max, reply_max)                   \
    service_handler handle_##name;
#include "proto/methods.def"
#undef METHOD
