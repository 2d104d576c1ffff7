"""Refusals of the collection (numbers 5100 to 5199): whole files that can't be read, and the quarantine's own.

What is wrong with a single resource is no refusal but a finding (``fhir/findings.py``): it stops that resource only.
"""

from __future__ import annotations

from xinglin.kernel.errors import Integrity, Invalid, NotFound, Unavailable


class SourceMissing(NotFound):
    """The file to take in is not there."""

    code, number, clause = "collection.source_missing", 5100, "S7.1a"
    en = "There is no file '{name}'."
    zh = "文件“{name}”不存在。"
    hint_en = "Check the path; name files, or folders of them."
    hint_zh = "请检查路径；可指定文件，或存放文件的文件夹。"


class SourceUnreadable(Unavailable):
    """The file to take in is there but can't be read."""

    code, number, clause = "collection.source_unreadable", 5101, "S7.1a"
    en = "The file '{name}' can't be read: {reason}."
    zh = "无法读取文件“{name}”：{reason}。"
    hint_en = "Check its permissions and the disk that it is on."
    hint_zh = "请检查文件权限及其所在磁盘。"


class BundleTooLarge(Invalid):
    """The file holds more bytes than the limit."""

    code, number, clause = "collection.too_large", 5102, "S7.1a"
    en = "The bundle has more than {maximum} bytes."
    zh = "Bundle 超过 {maximum} 字节。"
    hint_en = "Split it, or raise the limit in the settings."
    hint_zh = "请拆分文件，或在设置中提高上限。"


class BundleEmpty(Invalid):
    """The file holds nothing but white space."""

    code, number, clause = "collection.empty", 5103, "S7.1a"
    en = "The file is empty."
    zh = "文件为空。"
    hint_en = "Export it again from the source system."
    hint_zh = "请从源系统重新导出。"


class BundleCompressed(Invalid):
    """The file is compressed or an archive."""

    code, number, clause = "collection.compressed", 5104, "S7.1a"
    en = "The file is a {form} archive, not a bundle."
    zh = "文件是 {form} 压缩包，不是 Bundle。"
    hint_en = "Unpack it first."
    hint_zh = "请先解压。"


class BundleEncoding(Invalid):
    """The text is not UTF-8, the one encoding of FHIR's JSON (RFC 8259, 8.1)."""

    code, number, clause = "collection.encoding", 5105, "S7.1a"
    en = "The file is not UTF-8: {found} at byte {position}."
    zh = "文件不是 UTF-8 编码：第 {position} 字节处为 {found}。"
    hint_en = "Save or export it as UTF-8."
    hint_zh = "请以 UTF-8 编码保存或导出。"


class BundleXml(Invalid):
    """The file is XML; only FHIR's JSON is read."""

    code, number, clause = "collection.xml", 5106, "S7.1a"
    en = "The file is XML; bundles are read in FHIR's JSON format only."
    zh = "文件是 XML；仅支持 FHIR 的 JSON 格式。"
    hint_en = "Ask the source for application/fhir+json, or convert it."
    hint_zh = "请向源系统索取 application/fhir+json，或先行转换。"


class BundleMalformed(Invalid):
    """The text is not one JSON value (RFC 8259)."""

    code, number, clause = "collection.malformed", 5107, "S7.1a"
    en = "The file is not valid JSON: {reason}."
    zh = "文件不是有效的 JSON：{reason}。"
    hint_en = "Export it again; NaN, Infinity, comments and text after the end are not JSON."
    hint_zh = "请重新导出；NaN、Infinity、注释及结尾后的文本均不是 JSON。"


class BundleTruncated(Invalid):
    """The text ends before the JSON value does."""

    code, number, clause = "collection.truncated", 5108, "S7.1a"
    en = "The file ends in the middle, after {size} bytes."
    zh = "文件在 {size} 字节后中断，内容不完整。"
    hint_en = "It was cut on its way; copy or export it again."
    hint_zh = "文件在传输中被截断，请重新复制或导出。"


class BundleNesting(Invalid):
    """Values are nested so deep that the file can't be taken apart."""

    code, number, clause = "collection.nesting", 5109, "S7.1a"
    en = "The file nests its values far deeper than the limit of {maximum}."
    zh = "文件的嵌套层数远超上限 {maximum}。"
    hint_en = "No clinical data need this; look at the program that wrote it."
    hint_zh = "临床数据不需要如此深的嵌套，请检查生成该文件的程序。"


class NotABundle(Invalid):
    """The JSON value is neither a Bundle nor another resource."""

    code, number, clause = "collection.not_a_bundle", 5110, "S7.1a"
    en = "The file holds {found}, neither a FHIR Bundle nor another resource."
    zh = "文件内容是 {found}，既不是 FHIR Bundle 也不是其他资源。"
    hint_en = "Give one resource to a file, or a Bundle of type collection or transaction."
    hint_zh = "每个文件请提供一个资源，或类型为 collection 或 transaction 的 Bundle。"


class BundleType(Invalid):
    """The bundle's type is none that brings records."""

    code, number, clause = "collection.bundle_type", 5111, "S7.1a"
    en = "A Bundle of type {found} can't be taken in."
    zh = "无法接收类型为 {found} 的 Bundle。"
    hint_en = "Use one of: {accepted}."
    hint_zh = "可用类型：{accepted}。"


class BundleInvalid(Invalid):
    """The bundle around the entries breaks a rule, so its entries can't be told apart with certainty."""

    code, number, clause = "collection.bundle_invalid", 5112, "S7.1a"
    en = "The Bundle itself is invalid at {expression}: {rule}."
    zh = "Bundle 本身在 {expression} 处无效：{rule}。"
    hint_en = "docs/spec/intake.md explains each rule."
    hint_zh = "各规则见 docs/spec/intake.md。"


class BundleTooManyEntries(Invalid):
    """The bundle has more entries than the limit."""

    code, number, clause = "collection.too_many_entries", 5113, "S7.1a"
    en = "The Bundle has {found} entries, more than {maximum}."
    zh = "Bundle 有 {found} 个条目，超过 {maximum}。"
    hint_en = "Split it, or raise the limit in the settings."
    hint_zh = "请拆分文件，或在设置中提高上限。"


class QuarantineMissing(NotFound):
    """No item with this name is in the quarantine."""

    code, number, clause = "quarantine.missing", 5120, "S7.1a"
    en = "The quarantine has no item '{item}'."
    zh = "隔离区中没有条目“{item}”。"
    hint_en = "List the quarantine to see its items."
    hint_zh = "请列出隔离区以查看其条目。"


class QuarantineDamaged(Integrity):
    """A file of the quarantine is cut, altered, or not what its name says."""

    code, number, clause = "quarantine.damaged", 5121, "S9.1"
    en = "The quarantined item '{item}' is damaged."
    zh = "隔离条目“{item}”已损坏。"
    hint_en = "Take the source file in again; restore the quarantine from a backup."
    hint_zh = "请重新接收源文件，或从备份恢复隔离区。"
