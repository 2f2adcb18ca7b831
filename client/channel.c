/* SPDX-License-Identifier: Apache-2.0 */
/* channel.c - what all channels share. */
#include "client/channel.h"

void channel_reply_clear(struct channel_reply *reply)
{
    buffer_clear(&reply->body);
    buffer_clear(&reply->failure);
    *reply = (struct channel_reply){ 0 };
}

void channel_free(struct channel *channel)
{
    if (channel)
        channel->ops->free(channel);
}

void channel_abandon(struct channel *channel)
{
    if (channel && channel->ops->abandon)
        channel->ops->abandon(channel);
}
