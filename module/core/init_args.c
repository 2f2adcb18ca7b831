/* SPDX-License-Identifier: Apache-2.0 */
/* init_args.c - all callbacks or none. */
#include "module/core/init_args.h"

CK_RV init_args_check(const CK_C_INITIALIZE_ARGS *args)
{
    unsigned callbacks;

    if (!args)
        return CKR_OK;
    callbacks = !!args->CreateMutex + !!args->DestroyMutex + !!args->LockMutex + !!args->UnlockMutex;
    return callbacks == 0 || callbacks == 4 ? CKR_OK : CKR_ARGUMENTS_BAD;
}
