import { Content } from '../features/content/content.entity.ts'
import { ContentVersion } from '../features/content/content-version.entity.ts'
import { WriteIntent } from '../features/writing/write-intent.entity.ts'
import { AuditEvent } from '../features/tenancy/audit-event.entity.ts'
import { Brand } from '../features/tenancy/brand.entity.ts'
import { BrandMember } from '../features/tenancy/brand-member.entity.ts'
import { CampaignSpace } from '../features/tenancy/campaign-space.entity.ts'
import { Tenant } from '../features/tenancy/tenant.entity.ts'
import { User } from '../features/tenancy/user.entity.ts'
import { BackupArchive } from '../features/archives/backup-archive.entity.ts'
import { ApiKey } from '../features/partners/api-key.entity.ts'
import { LlmKey } from '../features/llm-keys/llm-key.entity.ts'
import { ContentGeneration } from '../features/generation/content-generation.entity.ts'
import { GenerationItem } from '../features/generation/generation-item.entity.ts'
import { GenerationJob } from '../features/generation/generation-job.entity.ts'
import { TrustedDocument } from '../features/partners/trusted-document.entity.ts'
import { RestoreJob } from '../features/restoring/restore-job.entity.ts'

export const entities = [
  Tenant,
  User,
  Brand,
  BrandMember,
  CampaignSpace,
  AuditEvent,
  Content,
  ContentVersion,
  WriteIntent,
  LlmKey,
  BackupArchive,
  GenerationJob,
  GenerationItem,
  RestoreJob,
  ContentGeneration,
  TrustedDocument,
  ApiKey,
]
