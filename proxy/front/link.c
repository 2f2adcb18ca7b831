/* SPDX-License-Identifier: Apache-2.0 */
/* link.c - a flow, frames on it, and a list of what was asked and not answered. */
#include "proxy/front/link.h"

#include <errno.h>
#include <sys/socket.h>

#include "include/log.h"
#include "proxy/front/control.h"
#include "proxy/front/signer_frame.h"

#define SENT_MAX 32 /* two rounds of a signer: it never waits for us, and little is lost with it */
#define SENT_FEW 2  /* so many always: one that is served, and the next */
#define SENT_US                                                                                              \
    20000 /* more is not sent than this is thought to last: what is sent has left its fair turn behind */
#define STUCK_MS 120000 /* no answer for so long, twice the longest deadline: the signer hangs */

bool link_is_up(const struct link *link)
{
    return link->flow.fd >= 0;
}

bool link_takes_calls(const struct link *link)
{
    return link_is_up(link) && !link->is_leaving && !link->is_ill;
}

bool link_may_send(const struct link *link)
{
    return link_takes_calls(link) && link->sent_count < SENT_MAX &&
           (link->sent_count < SENT_FEW || link->sent_us < SENT_US);
}

/* -------------------------------------------------------------------------------------------------- sending */

static uint32_t time_left(const struct call *call)
{
    uint64_t now_ms = front_now_ms();

    return call->deadline_ms > now_ms ? (uint32_t)(call->deadline_ms - now_ms) : 1;
}

/* Errors: -ENOMEM. */
static int write_envelope(struct link *link, const struct call *call)
{
    Privyseal__V1__Envelope envelope = PRIVYSEAL__V1__ENVELOPE__INIT;

    envelope.id = call->id;
    envelope.method = call->method->id;
    if (call->has_certificate)
        envelope.certificate_hash = (ProtobufCBinaryData){ HASH_LEN, (uint8_t *)call->certificate_hash };
    envelope.peer = (char *)call->peer;
    envelope.deadline_ms = time_left(call);
    envelope.request_id = (char *)call->request_id;
    envelope.traceparent = (char *)call->traceparent;
    envelope.body =
        (ProtobufCBinaryData){ call->body.len - call->message_at, call->body.data + call->message_at };
    envelope.received_ns = call->received_ns;
    round_put_off(&link->front->round, &link->writing);
    return signer_frame_write(&link->flow.out, &envelope);
}

static void watch_for_answers(struct link *link)
{
    if (link->sent_count)
        deadline_set(&link->front->deadlines, &link->stuck, STUCK_MS);
    else
        deadline_clear(&link->stuck);
}

int link_send(struct link *link, struct call *call)
{
    if (write_envelope(link, call))
        return -ENOMEM;
    call->place = CALL_SENT;
    call->link = link;
    call->is_written = false;
    TAILQ_INSERT_TAIL(&link->sent, call, entry);
    link->sent_us += call->item.cost_us;
    if (++link->sent_count == 1)
        watch_for_answers(link);
    return 0;
}

void link_forget(struct link *link, struct call *call)
{
    TAILQ_REMOVE(&link->sent, call, entry);
    link->sent_count--;
    link->sent_us -= call->item.cost_us;
    call->place = CALL_NOWHERE;
}

static void on_writing(void *context)
{
    struct link *link = context;
    struct call *call;

    flow_flush(&link->flow);
    TAILQ_FOREACH_REVERSE(call, &link->sent, call_list, entry)
    {
        if (call->is_written)
            break;
        call->is_written = true; /* some of it at least */
    }
}

/* To one that leaves everything has been written then: it reads to the end, answers all of it, and is gone. */
static void on_written(void *owner)
{
    const struct link *link = owner;

    if (link->is_leaving)
        shutdown(link->flow.fd, SHUT_WR);
}

/* ------------------------------------------------------------------------------------------------- its ends */

static void link_down(struct link *link)
{
    flow_close(&link->flow);
    buffer_clear(&link->in);
    link->is_leaving = false;
    link->ops->lost(link);
    watch_for_answers(link);
}

/* A signer that sends nonsense or nothing is of no use: the supervisor starts another. */
static void link_broken(struct link *link, const char *why)
{
    log_event(LOG_LEVEL_ERROR, "front.signer_broken", "signer=%u why=\"%s\"", link->index, why);
    control_report_broken(link->front, link->index);
    link_down(link);
}

static void on_ended(void *owner, const char *why)
{
    struct link *link = owner;

    (void)why; /* the supervisor knows */
    log_event(LOG_LEVEL_WARNING, "front.signer_gone", "signer=%u sent=%u", link->index, link->sent_count);
    link_down(link);
}

static void on_stuck(void *context)
{
    link_broken(context, "it did not answer for two minutes");
}

/* ------------------------------------------------------------------------------------------------- replies */

/* A signer that is dismissed, or worn, says so first. What it has not been sent goes elsewhere. */
static void link_leaves(struct link *link)
{
    link->is_leaving = true;
    link->ops->changed(link);
    if (!link->flow.out.len)
        on_written(link);
}

static void link_heard(struct link *link, Privyseal__V1__HsmNews news)
{
    bool is_ill = news == PRIVYSEAL__V1__HSM_NEWS__HSM_NEWS_ILL;

    if (news == PRIVYSEAL__V1__HSM_NEWS__HSM_NEWS_NONE || link->is_ill == is_ill)
        return;
    link->is_ill = is_ill;
    log_event(LOG_LEVEL_NOTICE, "front.signer_hsm", "signer=%u is=%s", link->index, is_ill ? "ill" : "well");
    link->ops->changed(link);
}

static struct call *find_sent(struct link *link, uint64_t id)
{
    struct call *call;

    TAILQ_FOREACH (call, &link->sent, entry)
        if (call->id == id)
            return call;
    return NULL;
}

/* Takes the next reply off the input. Errors: -EAGAIN (none is whole yet), -EBADMSG (nonsense, or not asked for). */
static int take_reply(struct link *link, struct bytes *input)
{
    Privyseal__V1__EnvelopeReply *reply;
    struct call *call;
    int error = signer_frame_read(input, &reply);

    if (error)
        return error;
    call = find_sent(link, reply->id);
    link_heard(link, reply->hsm);
    if (reply->leaving) {
        link_leaves(link);
    } else if (call) {
        estimate_learn(&link->estimate, call->method, reply);
        link_forget(link, call);
        link->ops->answered(link, call, reply);
    } else if (!reply->hsm) {
        error = -EBADMSG;
    }
    privyseal__v1__envelope_reply__free_unpacked(reply, NULL);
    return error;
}

/* Mostly replies come whole, and are read where they are. */
static int take_replies(struct link *link, struct bytes data)
{
    struct bytes input = data;
    int error;

    if (link->in.len) {
        buffer_append(&link->in, data);
        input = buffer_bytes(&link->in);
    }
    while ((error = take_reply(link, &input)) == 0)
        ;
    if (link->in.len)
        buffer_drop(&link->in, link->in.len - input.len);
    else
        buffer_append(&link->in, input);
    return link->in.failed ? -ENOMEM : error;
}

static void on_received(void *owner, struct bytes data)
{
    struct link *link = owner;

    if (take_replies(link, data) != -EAGAIN) {
        link_broken(link, "it sent what is not a reply");
        return;
    }
    watch_for_answers(link);
    link->ops->eased(link);
}

/* --------------------------------------------------------------------------------------------------- public */

static const struct flow_ops flow_ops = { .received = on_received, .written = on_written, .ended = on_ended };

void link_init(struct link *link, struct front *front, unsigned index, const struct link_ops *ops)
{
    *link = (struct link){
        .ops = ops,
        .front = front,
        .index = index,
        .hsm = proxy_config_hsm_of(front->config, index),
        .flow = FLOW_CLOSED,
        .stuck = { .passed = on_stuck, .context = link },
        .writing = { .run = on_writing, .context = link },
    };
    queue_init(&link->queue, front->config->queue);
    TAILQ_INIT(&link->sent);
}

void link_clear(struct link *link)
{
    deadline_clear(&link->stuck);
    round_forget(&link->front->round, &link->writing);
    flow_close(&link->flow);
    buffer_clear(&link->in);
}

int link_attach(struct link *link, int socket)
{
    if (link_is_up(link))
        link_down(link);
    link->is_ill = false; /* it says so when it is not true */
    return flow_open(&link->flow, link->front, socket, &flow_ops, link);
}
