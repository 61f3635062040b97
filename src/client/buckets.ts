/** Buckets: create, destroy, list, properties, and the pages of names in one. */

import {AisError} from '../base/errors.ts'
import type {BucketRef, Provider} from '../model/bucket.ts'
import {GLOBAL_NAMESPACE} from '../model/bucket.ts'
import {isRefusal} from '../model/ids.ts'
import {LIST_PAGE_MAX} from '../model/limits.ts'
import {ACTION, encodeAction} from '../wire/action.ts'
import {decodeBucketList} from '../wire/bmd.ts'
import {isJsonMap} from '../wire/decode.ts'
import {firstHeader, HEADER} from '../wire/headers.ts'
import type {JsonMap} from '../wire/json.ts'
import {parseJson} from '../wire/json.ts'
import type {ListPage} from '../wire/list.ts'
import {decodeListJson, encodeListRequest} from '../wire/list.ts'
import {bucketPath} from '../wire/paths.ts'
import {bucketQuery, parseBucketRef, QUERY} from '../wire/query.ts'
import {LIST_ATTEMPTS_MAX} from './limits.ts'
import type {Transport} from './transport.ts'
import {notUnderstood} from './reasons.ts'

export interface BucketClient {
  list(): Promise<readonly BucketRef[]>
  /** `props`: nested sections, as AIStore's BpropsToSet. */
  create(bucket: BucketRef, props?: JsonMap): Promise<void>
  /** @param now its data does not wait in the trash */
  destroy(bucket: BucketRef, now?: boolean): Promise<void>
  props(bucket: BucketRef): Promise<JsonMap>
  /** Resolves with the id of the job that this started, '' for none. */
  setProps(bucket: BucketRef, props: JsonMap): Promise<string>
  resetProps(bucket: BucketRef): Promise<void>
  /** Pages of names, in order, until the last or until the caller stops. */
  pages(bucket: BucketRef, options: ListOptions): AsyncGenerator<ListPage, void, undefined>
}

export interface ListOptions {
  readonly prefix?: string
  /** Names after this one. */
  readonly after?: string
  /** Properties besides the name. */
  readonly props?: readonly string[]
  /** Names per page, at most LIST_PAGE_MAX. */
  readonly pageSize?: number
  /** LIST_FLAG bits. */
  readonly flags?: number
  /** Pages that miss targets which cannot be asked, marked, instead of an error. */
  readonly partial?: boolean
}

export function createBucketClient(transport: Transport): BucketClient {
  const act = async (
    method: 'POST' | 'DELETE' | 'PATCH',
    bucket: BucketRef,
    message: {readonly action: string; readonly value?: unknown},
  ): Promise<string> => {
    const at = {path: bucketPath(bucket.name), query: queryOf(bucket)}
    const {text} = await transport.send({method, ...at, body: encodeAction(message)})
    return text.trim()
  }
  return {
    list: () => listBuckets(transport),
    create: async (bucket, props) => {
      await act('POST', bucket, {action: ACTION.createBucket, value: props ?? null})
    },
    destroy: async (bucket, now = false) => {
      const value = now ? {value: {now}} : {}
      await act('DELETE', bucket, {action: ACTION.destroyBucket, ...value})
    },
    props: (bucket) => headBucket(transport, bucket),
    setProps: (bucket, props) =>
      act('PATCH', bucket, {action: ACTION.setBucketProps, value: props}),
    resetProps: async (bucket) => {
      await act('PATCH', bucket, {action: ACTION.resetBucketProps})
    },
    pages: (bucket, options) => listPages(transport, bucket, options),
  }
}

function queryOf(bucket: BucketRef): Readonly<Record<string, string>> {
  const pairs = Object.entries(bucketQuery(bucket)).filter(([, value]) => value !== undefined)
  return Object.fromEntries(pairs) as Record<string, string>
}

async function listBuckets(transport: Transport): Promise<readonly BucketRef[]> {
  const found = await transport.sendForJson({
    method: 'GET',
    path: bucketPath(),
    query: {presence: '2'},
    body: encodeAction({action: ACTION.list}),
  })
  return decodeBucketList(found)
}

async function headBucket(transport: Transport, bucket: BucketRef): Promise<JsonMap> {
  const answer = await transport.send({
    method: 'HEAD',
    path: bucketPath(bucket.name),
    query: queryOf(bucket),
  })
  const props = parseJson(firstHeader(answer.headers, HEADER.bucketProps) ?? 'null')
  if (isJsonMap(props)) return props
  throw notUnderstood(bucketPath(bucket.name), 'bucket properties')
}

async function* listPages(
  transport: Transport,
  bucket: BucketRef,
  options: ListOptions,
): AsyncGenerator<ListPage, void, undefined> {
  let uuid = ''
  let after = options.after ?? ''
  for (;;) {
    const value = encodeListRequest({
      uuid,
      prefix: options.prefix ?? '',
      after,
      props: options.props ?? ['size'],
      pageSize: options.pageSize ?? LIST_PAGE_MAX,
      timeFormat: '',
      flags: options.flags ?? 0,
    })
    const {text} = await transport.send({
      method: 'GET',
      path: bucketPath(bucket.name),
      query: {...queryOf(bucket), ...(options.partial === true ? {[QUERY.partial]: 'true'} : {})},
      body: encodeAction({action: ACTION.list, value}),
      attempts: LIST_ATTEMPTS_MAX,
    })
    const page = decodeListJson(text)
    yield page
    if (page.token === '') return
    uuid = page.uuid
    after = page.token
  }
}

const SCHEMES: Readonly<Record<Provider, string>> = {
  ais: 'ais',
  aws: 's3',
  gcp: 'gs',
  azure: 'az',
  oci: 'oc',
  ht: 'ht',
}

/** `ais://photos`. */
export function bucketLabel({name, provider, namespace}: BucketRef): string {
  const {uuid, name: space} = namespace
  const within = uuid === '' && space === '' ? '' : `@${uuid}#${space}/`
  return `${SCHEMES[provider]}://${within}${name}`
}

/** A bucket and, behind it, an object or a prefix ('' when there is none). */
export interface BucketPath {
  readonly bucket: BucketRef
  readonly rest: string
}

/**
 * Reads `ais://photos/2026/cat.jpg`, `ais://@uuid#ns/photos/…`, or the same without `ais://`.
 * @throws AisError BAD_NAME or USAGE
 */
export function parseBucketPath(text: string): BucketPath {
  const match =
    /^(?:([a-z0-9]+):\/\/)?(?:@([A-Za-z0-9_-]*)#([A-Za-z0-9_.-]*)\/)?([^/]*)(?:\/(.*))?$/s.exec(
      text,
    )
  const [, scheme = 'ais', uuid, space, name = '', rest = ''] = match ?? []
  const ref = parseBucketRef(name, new Map([['provider', scheme]]))
  if (isRefusal(ref)) throw new AisError(ref)
  const namespace =
    uuid === undefined && space === undefined
      ? GLOBAL_NAMESPACE
      : {uuid: uuid ?? '', name: space ?? ''}
  return {bucket: {...ref, namespace}, rest}
}
