"""What an S3 server's refusals, and those of the way to it, mean to a caller of a store, in words for people.

It knows S3's codes and the libraries' exceptions; it names no host, no bucket and no key: visitors may read it.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, MinioException, S3Error
from urllib3 import exceptions as http

from streamtime.errors import Invalid, NoSpace, NotFound, StreamtimeError, Unavailable
from streamtime.storage.object_store import PastEnd, StoreRefused
from streamtime.storage.os_errors import unavailable

_PAST_END = "InvalidRange"
_WORDS = {
    "NoSuchBucket": "The bucket of the video store does not exist.",
    "InvalidBucketName": "The video store takes no bucket of this name.",
    "InvalidAccessKeyId": "The video store does not know the access key.",
    "SignatureDoesNotMatch": "The secret key does not fit the access key, or a proxy changes what is asked.",
    "AccessDenied": "The access key may not do this in the bucket of the video store.",
    "AllAccessDisabled": "The access key may not do this in the bucket of the video store.",
    "AccountProblem": "The video store has closed the account.",
    "RequestTimeTooSkewed": "The clocks of this machine and of the video store differ too much: set them.",
    "AuthorizationHeaderMalformed": "The region that is set is not the one of the bucket.",
    "IllegalLocationConstraintException": "The region that is set is not the one of the bucket.",
    "PermanentRedirect": "The bucket is in another region, or wants path_style the other way.",
    "Redirect": "The bucket is in another region, or wants path_style the other way.",
    _PAST_END: "The object ends before the range that was asked for.",
    "TemporaryRedirect": "The bucket is in another region, or wants path_style the other way.",
}
_MISSING = frozenset({"NoSuchKey", "NoSuchUpload"})
_PARTS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"})
_FULL = ("StorageFull", "QuotaExceeded", "InsufficientStorage", "InsufficientCapacity", "EntityTooLarge")
_SERVER_FAULT = 500
_BUSY = "The video store is busy or out of order."


@contextmanager
def translate_s3_errors() -> Iterator[None]:
    """Turn what the libraries raise into errors of the tree.

    Raises:
        NotFound: no such object or upload.
        Invalid: a part that is not there.
        NoSpace: the store or a quota is full.
        PastEnd: the object ends before the range does.
        Refused: the store will not do it, and would say the same again.
        Unavailable: it cannot do it now.
    """
    try:
        yield
    except S3Error as error:
        raise _from_response(error) from error
    except InvalidResponseError as error:
        raise _not_s3(error) from error
    except (MinioException, ParseError, UnicodeDecodeError) as error:
        raise unavailable(_BUSY) from error
    except (http.HTTPError, OSError) as error:
        raise _from_connection_error(error) from error


def _from_response(error: S3Error) -> StreamtimeError:
    code = error.code or ""
    if code in _MISSING:
        return NotFound()
    if code in _PARTS:
        return Invalid("The upload has no such part.", field="parts")
    if any(word in code for word in _FULL):
        return NoSpace("The video store is full.")
    if code in _WORDS:
        return PastEnd(_WORDS[code]) if code == _PAST_END else StoreRefused(_WORDS[code])
    if error.response.status >= _SERVER_FAULT or code in {"SlowDown", "RequestTimeout"}:
        return unavailable(_BUSY)
    return StoreRefused(f"The video store refused: {error.message or code}.")


def _not_s3(error: InvalidResponseError) -> Unavailable:
    if "HTTPS" in str(error):
        return StoreRefused("The video store speaks TLS: its address begins with https.")
    return unavailable("Something other than an S3 server answers in place of the video store, or it is out of order.")


def _from_connection_error(error: Exception) -> Unavailable:
    """Why there was no answer; what the way to the store cannot repair by itself is `StoreRefused`."""
    cause = _root(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return StoreRefused(f"The certificate of the video store is not trusted: {cause.verify_message}.")
    if isinstance(cause, ssl.SSLError) and "WRONG_VERSION" in str(cause):
        return StoreRefused("The video store does not speak TLS: its address begins with http.")
    if isinstance(error, http.NameResolutionError):
        return unavailable("The host of the video store is not known.")
    if isinstance(error, http.TimeoutError) and not isinstance(error, http.NewConnectionError):
        return unavailable("The video store did not answer in time.")
    words = cause.strerror if isinstance(cause, OSError) and cause.strerror else "the connection broke off"
    return unavailable(f"The video store does not answer: {words}.")


def _root(error: BaseException) -> BaseException:
    """The innermost reason of an error: libraries wrap those of the system."""
    seen = {id(error)}
    while True:
        inner = error.__cause__ or error.__context__
        inner = inner or next((part for part in error.args if isinstance(part, BaseException)), None)
        if inner is None or id(inner) in seen:
            return error
        seen.add(id(inner))
        error = inner
